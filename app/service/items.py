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
from app.domain.filters import Keep, Tenants, sight
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
    ScopeDeniedError,
    UpstreamInvalidResponseError,
)
from app.service.activities import Attached, attach
from app.service.batch import Batch
from app.service.encode import USUAL, Answer, Delivery, Wanted, encode
from app.service.fanout import (
    Fanout,
    Outcome,
    first_failure,
    is_crowded,
    only_one,
    partial_denied,
    refuse_failures,
)
from app.service.lists import Content, ListPage
from app.service.merge import merge
from app.service.nouns import Noun
from app.service.reading import Platform, Slice, read_batch, read_slice
from app.service.rounds import Load, Rounds, UnderWay
from app.service.scope import Caller

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
    monotonic: Callable[[], float]
    tenants: Tenants

    def moment(self, query: TaskQuery, now_ns: int) -> tuple[float, int]:
        """Return how long the answer is fresh, in seconds, and the now of its ages.

        That stands on the step that ages are rounded to, so that equal walks share every page.
        """
        ttl_s = self.lifetimes.unfinished_s
        if query.only_finished:
            ttl_s = self.lifetimes.finished_s
        return ttl_s, query.anchor_ns or now_ns // int(ttl_s * _NS) * int(ttl_s * _NS)


class OneItem(msgspec.Struct, frozen=True):
    """The question for a single item, as a cache key; `within` is what the asker may see."""

    noun: str
    ref: Ref
    accounts: tuple[str, ...]
    shape: Shape
    within: tuple[str, ...] | None


class ItemService:
    """Answers questions about one noun; every answer is made once, kept and shared.

    It is shared by those who may see the same: what a caller may see is part of every question.
    """

    def __init__(self, noun: Noun, house: House) -> None:
        self._noun = noun
        self._house = house
        self._under_way = UnderWay(house.fanout)

    async def list(self, asked: Asked, caller: Caller, wanted: Wanted = USUAL) -> Delivery:
        """Return the page that `asked` asks for, or the failure that stands in its place.

        Raises:
            RequestError: no such account, one outside of what `caller` may see, an id that several
                accounts know, or a cursor that is not ours or not of this query.
        """
        return await self.ask(self.resolve(asked, caller), caller, wanted)

    async def ask(
        self,
        query: TaskQuery,
        caller: Caller,
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
        if not query.partial:
            wanted = replace(wanted, whole=True)
        found = await self._answer(
            key or whole, lambda rounds: self._load_list(whole, arrange, rounds), caller, wanted
        )
        if found.kept.error is None and (query.within is not None or not query.partial):
            answer = found.unwrap()
            if answer.denied:
                raise _tenant_denied()
            if not query.partial and answer.failed:
                return replace(
                    found, kept=replace(found.kept, value=None, error=partial_denied(answer.failed))
                )
        return found

    async def get(
        self, text: str, shape: Shape, caller: Caller, wanted: Wanted = USUAL
    ) -> Delivery:
        """Return the item with the id `text` in any of its three forms, or the failure.

        Raises:
            RequestError: the id has no valid form, so nothing has it, or several accounts have it.
        """
        question = self.point(text, shape, caller)
        return await self._answer(
            question, lambda rounds: self._load_one(question, rounds), caller, wanted
        )

    async def _answer(self, key: Hashable, load: Load, caller: Caller, wanted: Wanted) -> Delivery:
        loads = self._under_way
        return await self._house.cache.get(
            key,
            lambda: loads.whole(key, load),
            wanted,
            caller.admit,
            board=caller.board,
            so_far=lambda: loads.so_far(key, load),
        )

    def point(self, text: str, shape: Shape, caller: Caller) -> OneItem:
        """Return the question for the item with the id `text`, as `caller` may see it.

        Raises:
            RequestError: the id has no valid form, or names an account that is not seen.
        """
        visible = tuple(each for each in self._house.accounts if caller.scope.sees(each))
        ref = read_ref(text, visible)
        if ref is None or not visible:
            raise self._noun.missing(text)
        accounts = (ref.account,) if ref.account else visible
        # The same number in the same accounts is the same question, with the alias or without.
        ref = msgspec.structs.replace(ref, account=None)
        return OneItem(self._noun.one, ref, accounts, shape, caller.scope.tenants)

    def resolve(self, asked: Asked, caller: Caller) -> TaskQuery:
        """Return the question that `asked` is for `caller`, who may have found its cursor.

        Raises:
            RequestError: as `list`.
        """
        scope = caller.scope
        accounts = self._known(asked.query.accounts, caller)
        query = msgspec.structs.replace(asked.query, accounts=accounts, within=scope.tenants)
        if asked.cursor is None:
            return query
        walked = self._house.cursors.read(asked.cursor, type(query))
        for account in walked.accounts:
            if account not in self._house.accounts:
                raise AccountNotFoundError("The cursor is of an account that is no more.")
        if not query.agrees(walked, asked.given):
            raise CursorMismatchError(
                "What stands beside the cursor differs from what it was made for; leave it out.",
                faults=[ParameterFault("cursor", "was made for other filters or another order")],
            )
        visible = scope.only(walked.accounts)
        missed = tuple(each for each in walked.missed if each in visible)
        return msgspec.structs.replace(
            walked,
            limit=asked.limit or walked.limit,
            partial=query.partial,
            accounts=visible,
            missed=missed,
            within=scope.tenants,
        )

    def _known(self, aliases: Sequence[str], caller: Caller) -> tuple[str, ...]:
        known = self._house.accounts
        if not aliases:
            return caller.scope.only(known)
        caller.scope.refuse(aliases, known)
        for alias in aliases:
            if alias not in known:
                near = get_close_matches(alias, filter(caller.scope.sees, known), 1)
                fault = ParameterFault(
                    "account", "is no account here", did_you_mean=next(iter(near), None)
                )
                raise AccountNotFoundError(f"There is no account {alias!r}.", faults=[fault])
        return tuple(aliases)

    def _sight(self, within: tuple[str, ...] | None) -> Keep | None:
        return sight(within, self._house.tenants)

    async def _load_list(
        self, query: TaskQuery, arrange: Arrange | None, rounds: Rounds
    ) -> Loaded[Answer]:
        house, now_ns = self._house, rounds.began_ns
        ttl_s, anchor_ns = house.moment(query, now_ns)
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
            answer = page.empty(now_ns, denied=self._denies(query))
            return Loaded(answer, answer.size_bytes, ttl_s)

        async def read(platform: Platform, account: str) -> Slice:
            return await self._read(platform, account, query, plans[account], batch)

        outcomes = await rounds.ask(asked, read)
        refuse_failures(outcomes)
        slices = {each.account: each.value for each in outcomes if each.value is not None}
        merged = merge(slices.values(), descending=query.descending, limit=query.limit)
        dressed = await self._dress(
            merged.readings, query.shape, arrange, within=query.within, rounds=rounds
        )
        unread = [each.account for each in outcomes if each.account not in slices]
        failed = {each.account: each for each in dressed.failures}
        outcomes = [_with_error(each, failed.get(each.account)) for each in outcomes]
        content = Content(
            items=dressed.items,
            next=merged.next,
            missing=batch.missing(slices, unread) if query.ids else None,
            scanned_counts=any(plan is not None and plan.scans for plan in plans.values()),
            notes=dressed.notes,
            denied=self._denies(query),
        )
        answer = page.filled(content, outcomes)
        whole = all(each.error is None for each in outcomes)
        if not whole:
            ttl_s = _partial_ttl_s(ttl_s, outcomes)
        return Loaded(answer, answer.size_bytes, ttl_s, whole=whole)

    async def _read(
        self, platform: Platform, account: str, query: TaskQuery, plan: Plan | None, batch: Batch
    ) -> Slice:
        def pages_of(params: Any, limit: int) -> Any:
            return self._noun.pages(platform, params, limit)

        if plan is None or query.ids:
            return await read_batch(
                pages_of, account, plan, batch.wanted(account), sees=self._sight(query.within)
            )
        return await read_slice(
            pages_of, account, plan, limit=query.limit, pages_max=self._house.scan_pages_max
        )

    def _denies(self, query: TaskQuery) -> bool:
        """Say whether nothing of a tenant that was asked for is, or ever was, within sight.

        Nobody can tell so whether it exists. A walk was judged at its first page.
        """
        wanted, within = query.values("tenant"), query.within
        if within is None or query.position is not None:
            return False
        return not self._house.tenants.are_met(query.accounts, wanted, within)

    async def _load_one(self, question: OneItem, rounds: Rounds) -> Loaded[Answer]:
        ref, noun, lifetimes = question.ref, self._noun, self._house.lifetimes
        text = str(ref.number or ref.uuid)
        sees = self._sight(question.within)

        async def read(platform: Platform, _: str) -> Reading[Any]:
            reading = await self._find(platform, ref)
            if sees is not None and not sees(reading):
                raise noun.missing(text)
            return reading

        outcomes = await rounds.ask(question.accounts, read)
        reading, failure = only_one(outcomes, noun, text)
        dressed = await self._dress(
            [reading], question.shape, within=question.within, rounds=rounds
        )
        if (missing := first_failure(dressed.failures)) is not None:
            raise missing
        answer = encode(dressed.items[0], within=question.within)
        ttl_s = lifetimes.item_finished_s
        if not reading.item.is_finished:
            ttl_s = min(_ITEM_UNFINISHED_TTL_S, lifetimes.unfinished_s)
        if failure is not None:
            ttl_s = _partial_ttl_s(ttl_s, outcomes)  # another account may have the same bare id
        return Loaded(answer, answer.size_bytes, ttl_s, whole=failure is None)

    async def _find(self, platform: Platform, ref: Ref) -> Reading[Any]:
        if ref.number:
            return _checked(await self._noun.read(platform, ref.number), ref)
        text = str(ref.uuid)
        async with aclosing(self._noun.pages(platform, (("uuid", text),), 1)) as pages:
            async for page in pages:
                for reading in page.readings:
                    return _checked(reading, ref)
        raise self._noun.missing(text)

    async def _dress(
        self,
        readings: Sequence[Reading[Any]],
        shape: Shape,
        arrange: Arrange | None = None,
        *,
        within: tuple[str, ...] | None,
        rounds: Rounds,
    ) -> Attached:
        """Return the items with the keys that `shape` asks for, some read in another round.

        Of what is read further only that `within` the asker's tenants is shown.
        """
        raw, payload = "raw" in shape.include, "result_payload" in shape.include
        dressed = Attached([reading.item_with(raw=raw, payload=payload) for reading in readings])
        if "activities" in shape.include:
            dressed = await attach(
                dressed.items,
                rounds,
                pages_max=self._house.scan_pages_max,
                sees=self._sight(within),
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


def _tenant_denied() -> ScopeDeniedError:
    fault = ParameterFault("tenant", "has no part that you are known to see")
    return ScopeDeniedError(
        "A tenant that you ask for is outside of what you may see, or nothing of it was seen yet.",
        faults=[fault],
    )


def _partial_ttl_s(ttl_s: float, outcomes: Sequence[Outcome[Any]]) -> float:
    return 0.0 if is_crowded(each.error for each in outcomes) else min(ttl_s, _PARTIAL_TTL_S)


def _with_error(outcome: Outcome[Slice], failed: Outcome[Any] | None) -> Outcome[Slice]:
    return outcome if failed is None else replace(outcome, error=failed.error, blamed=failed.blamed)
