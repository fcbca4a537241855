"""Reading one account: as many pages as an answer needs, cut, filtered and in walk order."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from app.domain.plan import Params, Plan
from app.domain.query import Position
from app.domain.task import Page, Reading

_SCAN_PAGE_MIN = 200  # a local filter reads at least this many at once, whatever the limit
_START_NS = 2**63 - 1  # beyond every sort key, for unreadable items before the first readable one


class Platform(Protocol):
    """What the service needs of one account of the platform."""

    def task_pages(self, params: Params, *, limit: int) -> AsyncGenerator[Page, None]:
        """Yield the pages of a list, `limit` tasks each; raises UpstreamError."""

    async def task(self, upstream_id: str) -> Reading:
        """Return one task; raises TaskNotFoundError, UpstreamError."""


@dataclass(slots=True)
class Slice:
    """What one account gave: rows in walk order, complete up to `frontier`; None means to the end.

    `scanned` counts what was looked at, `keyless` readable tasks without the sort field; `found`
    is all that a batch read, whether it has a place on this page or not.
    """

    rows: list[tuple[Position, Reading]] = field(default_factory=list)
    frontier: Position | None = None
    scanned: int = 0
    keyless: int = 0
    found: list[Reading] = field(default_factory=list)


class _Walk:
    """Places readings, those without a place of their own included, and takes what is wanted.

    `resumed_at` is the position at which the list begins, None when it has its own beginning.
    """

    def __init__(self, plan: Plan, account: str, *, resumed_at: Position | None) -> None:
        self._plan = plan
        self._account = account
        self._step = -1 if plan.descending else 1
        self._last = Position(-self._step * _START_NS, 0, account)
        # Unreadable items at the head of a resumed list follow a readable one that it leaves out.
        # In another account than the position's that one was passed, and they with it. In the
        # position's own it may be the position itself, gone meanwhile: the first readable tells.
        self._resumed_at = resumed_at
        self._head: list[Reading] | None = None
        if resumed_at and resumed_at.account == account and resumed_at.key_ns != self._last.key_ns:
            self._head = []
        self._seen: set[int] = set()
        self.slice = Slice(frontier=plan.position)

    def take(self, reading: Reading) -> bool:
        """Add `reading` if it belongs here; return False when the window's end was passed."""
        self.slice.scanned += 1
        if reading.number is None:
            self._take_unreadable(reading)
            return True
        place = self._plan.place(reading, self._account)
        if place is None:
            self.slice.keyless += 1
            return True
        if self._plan.passed(place):
            self._head = None
        self.settle()
        self._last = place
        return self._add(place, reading)

    def settle(self) -> None:
        """Let the unreadable items at the head follow the position: nothing passed comes after."""
        if self._head and self._resumed_at:
            self._last = msgspec.structs.replace(self._resumed_at, after=0)
        head, self._head = self._head, None
        for reading in head or ():
            self._take_unreadable(reading)

    def _take_unreadable(self, reading: Reading) -> None:
        if self._head is not None:
            self._head.append(reading)
            return
        self._last = msgspec.structs.replace(self._last, after=self._last.after + self._step)
        self._add(self._last, reading)

    def _add(self, place: Position, reading: Reading) -> bool:
        if self._plan.passed(place):
            return True
        if self._plan.ended(place):
            return False
        self.slice.frontier = place
        if self._wanted(reading):
            self.slice.rows.append((place, reading))
        return True

    def _wanted(self, reading: Reading) -> bool:
        if reading.number is None:
            return True
        keep = self._plan.keep
        # Pages are no snapshot (P§8): a task that moved between two of them comes twice.
        if reading.number in self._seen or not (keep is None or keep(reading)):
            return False
        self._seen.add(reading.number)
        return True


async def read_slice(
    platform: Platform, account: str, plan: Plan, *, limit: int, pages_max: int
) -> Slice:
    """Read until `limit` rows are there or the account has no more.

    With filters of our own it also ends after `pages_max` pages, if the walk got on by them.

    Raises:
        UpstreamError: the platform failed.
    """
    walk = _Walk(plan, account, resumed_at=plan.position)
    # The walk's place itself comes again, since its bound is inclusive.
    size = limit + (plan.position is not None)
    if plan.keep is not None:
        size = max(size, _SCAN_PAGE_MIN)
    read = 0
    async with aclosing(platform.task_pages(plan.params, limit=size)) as pages:
        async for page in pages:
            read += 1
            inside = all(walk.take(reading) for reading in page.readings)
            if page.last or read >= pages_max:
                walk.settle()
            if page.last or not inside:
                walk.slice.frontier = None
                break
            if len(walk.slice.rows) >= limit:
                break
            # A page of ties that were all seen moves nothing; stopping there would stop for ever.
            moved = walk.slice.frontier != plan.position
            if plan.keep is not None and read >= pages_max and moved:
                break
    return walk.slice


async def read_batch(
    platform: Platform, account: str, plan: Plan, wanted: Sequence[Params]
) -> Slice:
    """Read a batch whole: one list for each of `wanted`, since parameters are ANDed (P§5.3).

    Raises:
        UpstreamError: the platform failed.
    """
    walk = _Walk(plan, account, resumed_at=None)
    for ids in wanted:
        async with aclosing(platform.task_pages(plan.params + ids, limit=len(ids))) as pages:
            async for page in pages:
                for reading in page.readings:
                    walk.slice.found.append(reading)
                    walk.take(reading)
    walk.slice.frontier = None
    return walk.slice
