"""Reading one account: as many pages as an answer needs, cut, filtered and in walk order."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.plan import Params, Plan
from app.domain.query import Position
from app.domain.reading import Page, Reading

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
    """Places readings, those without a place of their own included, and takes what is wanted."""

    def __init__(self, plan: Plan, account: str) -> None:
        self._plan = plan
        self._account = account
        self._step = -1 if plan.descending else 1
        self._last = plan.position or Position(-self._step * _START_NS, 0, account)
        self._seen: set[str] = set()
        self.slice = Slice(frontier=plan.position)

    def take(self, reading: Reading) -> bool:
        """Add `reading` if it belongs here; return False when the window's end was passed."""
        self.slice.scanned += 1
        place = self._place(reading)
        if place is None:
            self.slice.keyless += 1
            return True
        self._last = place
        if self._plan.passed(place):
            return True
        if self._plan.ended(place):
            return False
        self.slice.frontier = place
        # Pages are no snapshot (P§8): a task that moved between two of them comes twice.
        if self._wanted(reading) and reading.item.id not in self._seen:
            self._seen.add(reading.item.id)
            self.slice.rows.append((place, reading))
        return True

    def _place(self, reading: Reading) -> Position | None:
        place = self._plan.place(reading, self._account)
        if place is None and reading.number is None:
            last = self._last
            return Position(last.key_ns, last.number, last.account, last.after + self._step)
        return place

    def _wanted(self, reading: Reading) -> bool:
        keep = self._plan.keep
        return keep is None or reading.number is None or keep(reading)


async def read_slice(
    platform: Platform, account: str, plan: Plan, *, limit: int, pages_max: int
) -> Slice:
    """Read until `limit` rows are there, the account has no more, or `pages_max` pages were read.

    Raises:
        UpstreamError: the platform failed.
    """
    walk = _Walk(plan, account)
    # The walk's place itself comes again, since its bound is inclusive.
    size = limit + (plan.position is not None)
    if plan.keep is not None:
        size = max(size, _SCAN_PAGE_MIN)
    read = 0
    async with aclosing(platform.task_pages(plan.params, limit=size)) as pages:
        async for page in pages:
            read += 1
            inside = all(walk.take(reading) for reading in page.readings)
            if page.last or not inside:
                walk.slice.frontier = None
                break
            if len(walk.slice.rows) >= limit:
                break
            # A page of ties that were all seen moves nothing; stopping there would stop for ever.
            if read >= pages_max and walk.slice.frontier != plan.position:
                break
    return walk.slice


async def read_batch(
    platform: Platform, account: str, plan: Plan, wanted: Sequence[Params]
) -> Slice:
    """Read a batch whole: one list for each of `wanted`, since parameters are ANDed (P§5.3).

    Raises:
        UpstreamError: the platform failed.
    """
    walk = _Walk(plan, account)
    for ids in wanted:
        async with aclosing(platform.task_pages(plan.params + ids, limit=len(ids))) as pages:
            async for page in pages:
                for reading in page.readings:
                    walk.slice.found.append(reading)
                    walk.take(reading)
    walk.slice.frontier = None
    return walk.slice
