"""Reading one account: as many pages as an answer needs, cut, filtered and in walk order."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import msgspec

from app.domain.activity import Activity
from app.domain.filters import Keep
from app.domain.plan import Params, Plan
from app.domain.query import Position
from app.domain.reading import Page, Reading
from app.domain.task import Task
from app.errors import UpstreamInvalidResponseError

_SCAN_PAGE_MIN = 200  # a local filter reads at least this many at once, whatever the limit


class Platform(Protocol):
    """What the service needs of one account of the platform; all of it raises UpstreamError."""

    def task_pages(self, params: Params, *, limit: int) -> AsyncGenerator[Page[Task], None]:
        """Yield the pages of a list, `limit` tasks each."""

    async def task(self, upstream_id: str) -> Reading[Task]:
        """Return one task; raises TaskNotFoundError."""

    def activity_pages(self, params: Params, *, limit: int) -> AsyncGenerator[Page[Activity], None]:
        """Yield the pages of a list, `limit` activities each."""

    async def activity(self, upstream_id: str) -> Reading[Activity]:
        """Return one activity; raises ActivityNotFoundError."""


Pages: TypeAlias = Callable[[Params, int], AsyncGenerator[Page[Any], None]]


@dataclass(slots=True)
class Slice:
    """What one account gave: rows in walk order, complete up to `frontier`; None means to the end.

    `scanned` counts what was looked at, `keyless` readable items without the sort field; `found`
    is all that a batch read, whether it has a place on this page or not. What the asker may not see
    is in none of them.
    """

    rows: list[tuple[Position, Reading[Any]]] = field(default_factory=list)
    frontier: Position | None = None
    scanned: int = 0
    keyless: int = 0
    found: list[Reading[Any]] = field(default_factory=list)


class _Walk:
    """Places readings, those without a place of their own included, and takes what is wanted.

    `resumed_at` is the position at which the list begins, None when it has its own beginning.
    """

    def __init__(self, plan: Plan, account: str, *, resumed_at: Position | None) -> None:
        self._plan = plan
        self._account = account
        self._step = -1 if plan.descending else 1
        start = Position.start(descending=plan.descending)
        self._last = msgspec.structs.replace(start, account=account)
        # Unreadable items at the head of a resumed list follow a readable one that it leaves out.
        # In another account than the position's that one was passed, and they with it. In the
        # position's own it may be the position itself, gone meanwhile: the first readable tells.
        self._resumed_at = resumed_at
        self._head: list[Reading[Any]] | None = None
        if resumed_at and resumed_at.ends_tie:
            self._last = msgspec.structs.replace(resumed_at, account=account, after=0)
        elif resumed_at and resumed_at.account == account and resumed_at.key_ns != start.key_ns:
            self._head = []
        self._seen: set[int] = set()
        self.passed = 0
        self.slice = Slice(frontier=plan.position)

    def take(self, reading: Reading[Any]) -> bool:
        """Add `reading` if it belongs here; return False when the window's end was passed."""
        visible = self._plan.sees is None or self._plan.sees(reading)
        self.slice.scanned += visible
        if reading.number is None:
            if visible:
                self._take_unreadable(reading)
            return True
        place = self._plan.place(reading, self._account)
        if place is None:
            self.slice.keyless += visible
            return not self._plan.never(reading)
        if self._plan.passed(place):
            self._head = None
        self.settle()
        self._last = place
        return self._add(place, reading, visible=visible)

    def settle(self) -> None:
        """Let the unreadable items at the head follow the position: nothing passed comes after."""
        if self._head and self._resumed_at:
            self._last = msgspec.structs.replace(self._resumed_at, after=0)
        head, self._head = self._head, None
        for reading in head or ():
            self._take_unreadable(reading)

    def leave_tie(self, end: Position) -> None:
        """Go on at `end`, behind everything that has the sort key of the position."""
        self.settle()
        self.slice.frontier = end
        self._last = msgspec.structs.replace(end, account=self._account)

    def is_full(self, limit: int) -> bool:
        """Say whether there is enough for a page of `limit`.

        What was passed took the place of as many new ones: another call for those few would double
        the cost of every page of a walk.
        """
        return bool(self.slice.rows) and len(self.slice.rows) + self.passed >= limit

    def whole(self) -> Slice:
        """Return what there is, to the end."""
        self.settle()
        self.slice.frontier = None
        return self.slice

    def stopped(self) -> Slice:
        """Return what there is so far; the rest is for another answer, which needs its place.

        Raises:
            UpstreamInvalidResponseError: it would begin where this one did, and so for ever.
        """
        self.settle()
        place = self._plan.position
        start = Position.start(descending=self._plan.descending)
        if self.slice.frontier is None:
            self.slice.frontier = start
        elif self.slice.frontier == place and (
            place.after or place.ends_tie or place.key_ns == start.key_ns or self._plan.then
        ):
            raise UpstreamInvalidResponseError(
                "More items in a row could not be read than one answer may pass.",
                account=self._account,
            )
        return self.slice

    def _take_unreadable(self, reading: Reading[Any]) -> None:
        if self._head is not None:
            self._head.append(reading)
            return
        self._last = msgspec.structs.replace(self._last, after=self._last.after + self._step)
        self._add(self._last, reading, visible=True)

    def _add(self, place: Position, reading: Reading[Any], *, visible: bool) -> bool:
        if self._plan.passed(place):
            self.passed += 1
            return True
        if self._plan.ended(place):
            return False
        self.slice.frontier = place
        if visible and self._wanted(reading):
            self.slice.rows.append((place, reading))
        return True

    def _wanted(self, reading: Reading[Any]) -> bool:
        if reading.number is None:
            return True
        keep = self._plan.keep
        # Pages are no snapshot (P§8): a task that moved between two of them comes twice.
        if reading.number in self._seen or not (keep is None or keep(reading)):
            return False
        self._seen.add(reading.number)
        return True


async def read_slice(
    pages_of: Pages, account: str, plan: Plan, *, limit: int, pages_max: int
) -> Slice:
    """Read until `limit` rows are there, the account has no more, or `pages_max` pages are read.

    Without filters of our own only pages that bring nothing count: those that do are the answer.

    Raises:
        UpstreamError: the platform failed, or so many pages tell no place at which to go on.
    """
    walk = _Walk(plan, account, resumed_at=plan.position)
    size, left = _page_size(plan, limit), pages_max
    for begin, params in plan.lists:
        if begin is not None:
            walk.leave_tie(begin)
            if walk.is_full(limit) or left <= 0:
                return walk.slice
        async with aclosing(pages_of(params, size)) as pages:
            async for page in pages:
                before = len(walk.slice.rows)
                if not all(walk.take(reading) for reading in page.readings):
                    return walk.whole()
                left -= plan.scans or len(walk.slice.rows) == before
                if page.last:
                    break
                if walk.is_full(limit):
                    return walk.slice
                if left <= 0:
                    return walk.stopped()
    return walk.whole()


def _page_size(plan: Plan, limit: int) -> int:
    size = limit
    if plan.position is not None:
        # The walk's place itself comes again, since its bound is inclusive; and with it what could
        # not be read behind it.
        size += 1 + abs(plan.position.after)
    return max(size, _SCAN_PAGE_MIN) if plan.scans else size


async def read_batch(
    pages_of: Pages,
    account: str,
    plan: Plan | None,
    wanted: Sequence[Params],
    *,
    sees: Keep | None,
) -> Slice:
    """Read a batch whole: one list for each of `wanted`, since parameters are ANDed (P§5.3).

    With filters each list is read twice, so that what they leave out is not called missing;
    without a `plan` nothing can match, and it is only read whether the ids exist. What the asker
    does not see doesn't.

    Raises:
        UpstreamError: the platform failed.
    """
    walk = None if plan is None else _Walk(plan, account, resumed_at=None)
    filters = plan is not None and any(name != "order" for name, _ in plan.params)
    found: list[Reading[Any]] = []
    for ids in wanted:
        async for reading in _readings(pages_of, ids):
            _check(reading, ids)
            if sees is None or sees(reading):
                found.append(reading)
            if walk and not filters:
                walk.take(reading)
        if walk and plan and filters:
            async for reading in _readings(pages_of, plan.params + ids, limit=len(ids)):
                walk.take(reading)
    everything = walk.whole() if walk else Slice()
    everything.found = found
    return everything


def _check(reading: Reading[Any], ids: Params) -> None:
    """Refuse an item that was not asked for: the platform did not look at the filter."""
    if reading.number is not None:
        got = (("id", str(reading.number)), ("uuid", reading.item.uuid))
        if not any(each in ids for each in got):
            raise UpstreamInvalidResponseError(
                "The platform answered with another item than it was asked for.",
                account=reading.item.account,
            )


async def _readings(
    pages_of: Pages, params: Params, *, limit: int = 0
) -> AsyncGenerator[Reading[Any], None]:
    async with aclosing(pages_of(params, limit or len(params))) as pages:
        async for page in pages:
            for reading in page.readings:
                yield reading
