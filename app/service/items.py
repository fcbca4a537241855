"""Questions about one noun: cursor → key → cache → accounts → merge → bytes."""

from collections.abc import Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeAlias

import msgspec

from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.domain.cursor import CursorCodec
from app.domain.filters import Tenants
from app.domain.ids import Ref, read_ref
from app.domain.parsing import Asked
from app.domain.plan import Plan, make_plan
from app.domain.projection import projection
from app.domain.query import Shape, TaskQuery
from app.domain.reading import Reading
from app.errors import (
    AccountNotFoundError,
    CursorMismatchError,
    ParameterFault,
    ServiceError,
    UpstreamInvalidResponseError,
)
from app.service.activities import Attached, attach
from app.service.batch import Batch
from app.service.encode import USUAL, Answer, Delivery, Wanted, encode
from app.service.fanout import Fanout, Outcome, only_one, refuse_failures, refuse_partial
from app.service.lists import Content, ListPage
from app.service.merge import merge
from app.service.nouns import Noun
from app.service.reading import Platform, Slice, read_batch, read_slice

Arrange: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]

_PARTIAL_TTL_S = 4.5  # at most 5 s with the cache's spread
_ITEM_UNFINISHED_TTL_S = 5
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are fresh, in seconds; contract section 6."""

    unfinished_s: float
    finished_s: float
    item_finished_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every noun's service shares."""

    accounts: tuple[str, ...]
    fanout: Fanout
    cache: Cache[Answer]
    cursors: CursorCodec
    lifetimes: Lifetimes
    scan_pages_max: int
    clock: Callable[[], float]
    tenants: Tenants


class OneItem(msgspec.Struct, frozen=True):
    """The question for a single item, as a cache key."""

    noun: str
    ref: Ref
    accounts: tuple[str, ...]
    shape: Shape


class ItemService:
    """Answers questions about one noun; every answer is made once, kept and shared."""

    def __init__(self, noun: Noun, house: House) -> None:
        self._noun = noun
        self._house = house

    async def list(self, asked: Asked, wanted: Wanted = USUAL) -> Delivery:
        """Return the page that `asked` asks for, or the failure that stands in its place.

        Raises:
            RequestError: no such account, an id that several accounts know, or a cursor that is
                not ours or not of this query.
        """
        return await self.ask(self._resolve(asked), wanted)

    async def ask(
        self,
        query: TaskQuery,
        wanted: Wanted,
        *,
        key: Hashable = None,
        arrange: Arrange | None = None,
    ) -> Delivery:
        """Return the page that a resolved `query` asks for, or the failure in its place.

        `arrange` puts the items of the page into another form, which `key` stands for.
        """
        # Whether a partial answer will do changes nothing in the question.
        whole = msgspec.structs.replace(query, partial=True)
        found = await self._house.cache.get(
            key or whole, lambda: self._load_list(whole, arrange), wanted
        )
        if not query.partial and found.kept.error is None:
            refuse_partial(found.unwrap().failed)
        return found

    async def get(self, text: str, shape: Shape, wanted: Wanted = USUAL) -> Delivery:
        """Return the item with the id `text` in any of its three forms, or the failure.

        Raises:
            RequestError: the id has no valid form, so nothing has it, or several accounts have it.
        """
        ref = read_ref(text, self._house.accounts)
        if ref is None:
            raise self._noun.missing(text)
        accounts = (ref.account,) if ref.account else self._house.accounts
        # The same number in the same accounts is the same question, with the alias or without.
        ref = msgspec.structs.replace(ref, account=None)
        question = OneItem(self._noun.one, ref, accounts, shape)
        return await self._house.cache.get(question, lambda: self._load_one(question), wanted)

    def _resolve(self, asked: Asked) -> TaskQuery:
        query = msgspec.structs.replace(asked.query, accounts=self._known(asked.query.accounts))
        if asked.cursor is None:
            return query
        walked = self._house.cursors.read(asked.cursor, type(query))
        self._known(walked.accounts)
        if not query.agrees(walked, asked.given):
            raise CursorMismatchError(
                "What stands beside the cursor differs from what it was made for; leave it out.",
                faults=[ParameterFault("cursor", "was made for other filters or another order")],
            )
        return msgspec.structs.replace(
            walked, limit=asked.limit or walked.limit, partial=query.partial
        )

    def _known(self, aliases: Sequence[str]) -> tuple[str, ...]:
        for alias in aliases:
            if alias not in self._house.accounts:
                meant = next(iter(get_close_matches(alias, self._house.accounts, 1)), None)
                fault = ParameterFault("account", "is no account here", did_you_mean=meant)
                raise AccountNotFoundError(f"There is no account {alias!r}.", faults=[fault])
        return tuple(aliases) or self._house.accounts

    async def _load_list(self, query: TaskQuery, arrange: Arrange | None) -> Loaded[Answer]:
        house = self._house
        ttl_s = house.lifetimes.unfinished_s
        if query.only_finished:
            ttl_s = house.lifetimes.finished_s
        now_ns = int(house.clock() * _NS)
        # On the step that ages are rounded to, so that equal walks share every page.
        anchor_ns = query.anchor_ns or now_ns // int(ttl_s * _NS) * int(ttl_s * _NS)
        page = ListPage(self._noun, query, anchor_ns=anchor_ns, cursors=house.cursors)
        plans = {
            account: make_plan(
                query, account, now_ns=anchor_ns, step_s=ttl_s, tenants=house.tenants
            )
            for account in query.accounts
        }
        batch = Batch(self._noun, query.ids, query.accounts)
        asked = [each for each in plans if (batch.wanted(each) if query.ids else plans[each])]
        if not asked:
            answer = page.empty(now_ns)
            return Loaded(answer, answer.size_bytes, ttl_s)

        async def read(platform: Platform, account: str) -> Slice:
            return await self._read(platform, account, query, plans[account], batch)

        outcomes = await house.fanout.ask(asked, read)
        refuse_failures(outcomes)
        slices = {each.account: each.value for each in outcomes if each.value is not None}
        merged = merge(slices.values(), descending=query.descending, limit=query.limit)
        dressed = await self._dress(merged.readings, query.shape, arrange)
        unread = [each.account for each in outcomes if each.account not in slices]
        outcomes = [_with_error(each, dressed.failures) for each in outcomes]
        content = Content(
            items=dressed.items,
            next=merged.next,
            missing=batch.missing(slices, unread) if query.ids else None,
            scanned_counts=any(plan is not None and plan.keep for plan in plans.values()),
            notes=dressed.notes,
        )
        answer = page.filled(content, outcomes)
        whole = all(each.error is None for each in outcomes)
        if not whole:
            ttl_s = min(ttl_s, _PARTIAL_TTL_S)
        return Loaded(answer, answer.size_bytes, ttl_s, whole=whole)

    async def _read(
        self, platform: Platform, account: str, query: TaskQuery, plan: Plan | None, batch: Batch
    ) -> Slice:
        def pages_of(params: Any, limit: int) -> Any:
            return self._noun.pages(platform, params, limit)

        if plan is None or query.ids:
            return await read_batch(pages_of, account, plan, batch.wanted(account))
        return await read_slice(
            pages_of, account, plan, limit=query.limit, pages_max=self._house.scan_pages_max
        )

    async def _load_one(self, question: OneItem) -> Loaded[Answer]:
        ref, noun, lifetimes = question.ref, self._noun, self._house.lifetimes
        text = str(ref.number or ref.uuid)

        async def read(platform: Platform, _: str) -> Reading[Any]:
            if ref.number:
                return _checked(await noun.read(platform, ref.number), ref)
            async with aclosing(noun.pages(platform, (("uuid", text),), 1)) as pages:
                async for page in pages:
                    for reading in page.readings:
                        return _checked(reading, ref)
            raise noun.missing(text)

        outcomes = await self._house.fanout.ask(question.accounts, read)
        reading, failure = only_one(outcomes, noun, text)
        dressed = await self._dress([reading], question.shape)
        for error in dressed.failures.values():
            raise error
        answer = encode(dressed.items[0])
        ttl_s = lifetimes.item_finished_s
        if not reading.item.is_finished:
            ttl_s = min(_ITEM_UNFINISHED_TTL_S, lifetimes.unfinished_s)
        if failure is not None:
            ttl_s = min(_PARTIAL_TTL_S, ttl_s)  # another account may have the same bare id
        return Loaded(answer, answer.size_bytes, ttl_s, whole=failure is None)

    async def _dress(
        self, readings: Sequence[Reading[Any]], shape: Shape, arrange: Arrange | None = None
    ) -> Attached:
        """Return the items with the keys that `shape` asks for."""
        raw, payload = "raw" in shape.include, "result_payload" in shape.include
        dressed = Attached([reading.item_with(raw=raw, payload=payload) for reading in readings])
        if "activities" in shape.include:
            dressed = await attach(
                dressed.items, self._house.fanout, pages_max=self._house.scan_pages_max
            )
        if arrange is not None:
            dressed = replace(dressed, items=arrange(dressed.items))
        if not shape.fields:
            return dressed
        cut = projection(self._noun.kind, shape.fields)
        return replace(dressed, items=[cut(item) for item in dressed.items])


def _checked(reading: Reading[Any], ref: Ref) -> Reading[Any]:
    """Return `reading` if it is what `ref` points at; anything else must not pass for it."""
    got = str(reading.number) if ref.number else reading.item.uuid
    if got != (ref.number or ref.uuid):
        raise UpstreamInvalidResponseError(
            "The platform answered with another item than it was asked for.",
            account=reading.item.account,
        )
    return reading


def _with_error(outcome: Outcome[Slice], failures: dict[str, ServiceError]) -> Outcome[Slice]:
    error = failures.get(outcome.account)
    return outcome if error is None else replace(outcome, error=error)
