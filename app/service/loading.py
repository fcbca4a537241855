"""Questions → answers: the accounts are asked, and what they gave is merged, dressed, encoded."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from app.cache.answers import Loaded
from app.domain.filters import Keep, sight, unknown_tenants
from app.domain.plan import Plan
from app.domain.query import TaskQuery
from app.domain.reading import Reading
from app.domain.strangers import blamed
from app.errors import UpstreamFailedError
from app.service.batch import Batch
from app.service.denial import is_denied
from app.service.dressing import Arrange, dress
from app.service.encode import Answer, encode
from app.service.house import House
from app.service.lists import Content, ListPage
from app.service.merge import merge
from app.service.nouns import Noun
from app.service.outcome import (
    Outcome,
    first_failure,
    is_crowded,
    only_one,
    refuse_failures,
)
from app.service.questions import OneItem
from app.service.reading import Platform, read_batch, read_slice
from app.service.rounds import Rounds
from app.service.walk import Slice

_PARTIAL_TTL_S = 4.5  # at most 5 s with the cache's spread
_ITEM_UNFINISHED_TTL_S = 5


class Loader:
    """Makes the answers to questions about one noun; what calls it keeps them."""

    def __init__(self, noun: Noun, house: House) -> None:
        self._noun = noun
        self._house = house

    async def load_list(
        self, query: TaskQuery, arrange: Arrange | None, rounds: Rounds
    ) -> Loaded[Answer]:
        """Return the page that `query` asks for, with its items as `arrange` puts them.

        Raises:
            ServiceError: every account failed.
            AmbiguousIdError: several accounts know an id that was asked for.
        """
        house = self._house
        anchor = house.anchor(query, rounds.began_ns)
        page = ListPage(self._noun, query, anchor_ns=anchor.now_ns, cursors=house.cursors)
        plans = house.plans(query, anchor)
        if query.position is None:
            page.refuse_if_endless()
        batch = Batch(self._noun, query.ids, query.accounts)
        asked = [each for each in plans if (batch.wanted(each) if query.ids else plans[each])]
        if not asked:
            denied = await is_denied(query, self._noun, house, rounds)
            answer = await page.empty(denied=denied, rest=rounds.rest)
            return Loaded(answer, answer.size_bytes, anchor.ttl_s)

        async def read(platform: Platform, account: str) -> Slice:
            return await self._read(platform, account, query, plans[account], batch)

        outcomes = await rounds.ask(asked, read)
        refuse_failures(outcomes)
        scans = any(plan is not None and plan.scans for plan in plans.values())
        content, outcomes = await self._content(
            query, outcomes, batch, arrange, scans=scans, rounds=rounds
        )
        answer = await page.filled(content, outcomes, rest=rounds.rest)
        whole = all(each.error is None for each in outcomes)
        ttl_s = anchor.ttl_s if whole else _partial_ttl_s(anchor.ttl_s, outcomes)
        return Loaded(answer, answer.size_bytes, ttl_s, whole=whole)

    async def load_one(self, question: OneItem, rounds: Rounds) -> Loaded[Answer]:
        """Return the item that `question` points at.

        Raises:
            ServiceError: nobody has it, several have, or who might have it failed.
        """
        ref, noun, lifetimes = question.ref, self._noun, self._house.lifetimes
        text = str(ref.number or ref.uuid)
        sees = self._sight(question.within)

        async def read(platform: Platform, _: str) -> Reading[Any]:
            reading = await noun.find(platform, ref)
            if sees is not None and not sees(reading):
                raise noun.missing(text)
            return reading

        outcomes = await rounds.ask(question.accounts, read)
        reading, failure = only_one(outcomes, noun, text)
        dressed = await dress(
            [reading], question.shape, noun, self._house, rounds, within=question.within
        )
        if (missing := first_failure(dressed.failures)) is not None:
            raise missing
        link = f'<{noun.path}/{reading.item.id}/activities>; rel="related"'
        answer = encode(
            dressed.items[0], link=link if dressed.notes else None, within=question.within
        )
        ttl_s = lifetimes.item_finished_s
        if not reading.item.is_finished:
            ttl_s = min(_ITEM_UNFINISHED_TTL_S, lifetimes.unfinished_s)
        if failure is not None:
            ttl_s = _partial_ttl_s(ttl_s, outcomes)  # another account may have the same bare id
        return Loaded(answer, answer.size_bytes, ttl_s, whole=failure is None)

    def _sight(self, within: tuple[str, ...] | None) -> Keep | None:
        return sight(within, self._house.tenants)

    async def _content(
        self,
        query: TaskQuery,
        outcomes: list[Outcome[Slice]],
        batch: Batch,
        arrange: Arrange | None,
        *,
        scans: bool,
        rounds: Rounds,
    ) -> tuple[Content, list[Outcome[Slice]]]:
        """Return what the page shows, and how each account fared in the end."""
        slices = {each.account: each.value for each in outcomes if each.value is not None}
        merged = merge(slices.values(), descending=query.descending, limit=query.limit)
        dressed = await dress(
            merged.readings,
            query.shape,
            self._noun,
            self._house,
            rounds,
            within=query.within,
            arrange=arrange,
        )
        unread = [each.account for each in outcomes if each.account not in slices]
        failed = {each.account: each for each in dressed.failures}
        outcomes = [_with_error(each, failed.get(each.account)) for each in outcomes]
        content = Content(
            items=dressed.items,
            next=merged.next,
            missing=batch.missing(slices, unread) if query.ids else None,
            scanned_counts=scans,
            notes=self._unknown(query, slices) + dressed.notes,
            denied=await is_denied(query, self._noun, self._house, rounds),
        )
        return content, outcomes

    async def _read(
        self, platform: Platform, account: str, query: TaskQuery, plan: Plan | None, batch: Batch
    ) -> Slice:
        def pages_of(params: Any, limit: int) -> Any:
            return self._noun.pages(platform, params, limit)

        try:
            if plan is None or query.ids:
                return await read_batch(
                    pages_of, account, plan, batch.wanted(account), sees=self._sight(query.within)
                )
            return await read_slice(
                pages_of, account, plan, limit=query.limit, pages_max=self._house.scan_pages_max
            )
        except UpstreamFailedError as exc:
            raise blamed(exc, query) from exc

    def _unknown(self, query: TaskQuery, accounts: Iterable[str]) -> tuple[str, ...]:
        """Return a remark for each UUID whose subtree none of `accounts` can tell."""
        tenants = self._house.tenants
        told = [frozenset(unknown_tenants(query, each, tenants)) for each in accounts]
        return tuple(
            f"Nothing told yet which number the tenant {uuid} has, so {self._noun.many} of those "
            "below it may be missing; its own are here. Its number finds all."
            for uuid in sorted(frozenset.intersection(*told))
        )


def _partial_ttl_s(ttl_s: float, outcomes: Sequence[Outcome[Any]]) -> float:
    return 0.0 if is_crowded(each.error for each in outcomes) else min(ttl_s, _PARTIAL_TTL_S)


def _with_error(outcome: Outcome[Slice], failed: Outcome[Any] | None) -> Outcome[Slice]:
    return outcome if failed is None else replace(outcome, error=failed.error, blamed=failed.blamed)
