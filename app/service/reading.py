"""Reading one account: as many pages as an answer needs, cut, filtered and in walk order."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

from app.domain.activity import Activity
from app.domain.bounds import Params
from app.domain.filters import Keep, visible
from app.domain.plan import Plan
from app.domain.reading import Page, Reading
from app.domain.task import Task
from app.errors import UpstreamInvalidResponseError
from app.service.walk import Slice, Walk

_TURN = 250  # items that are placed before others have their turn: 0.4 ms of the event loop
_SCAN_PAGE_MIN = 200  # a local filter reads at least this many at once, whatever the limit


class Platform(Protocol):
    """What the service needs of one account of the platform; all of it raises UpstreamError."""

    def due_by(self, deadline: float) -> "Platform":
        """Return the same account for an answer that must be there by then, monotonic seconds."""

    def task_pages(self, params: Params, *, limit: int) -> AsyncGenerator[Page[Task], None]:
        """Yield the pages of a list, `limit` tasks each."""

    async def task(self, upstream_id: str) -> Reading[Task]:
        """Return one task; raises TaskNotFoundError."""

    def activity_pages(self, params: Params, *, limit: int) -> AsyncGenerator[Page[Activity], None]:
        """Yield the pages of a list, `limit` activities each."""

    async def activity(self, upstream_id: str) -> Reading[Activity]:
        """Return one activity; raises ActivityNotFoundError."""


Pages: TypeAlias = Callable[[Params, int], AsyncGenerator[Page[Any], None]]


async def read_slice(
    pages_of: Pages, account: str, plan: Plan, *, limit: int, pages_max: int
) -> Slice:
    """Read until `limit` rows are there, the account has no more, or `pages_max` pages are read.

    Without filters of our own only pages that bring nothing count: those that do are the answer.

    Raises:
        UpstreamError: the platform failed, or so many pages tell no place at which to go on.
    """
    walk = Walk(plan, account, resumed_at=plan.position)
    size, left = _page_size(plan, limit), pages_max
    for begin, params in plan.lists:
        if begin is not None:
            walk.leave_tie(begin)
            if walk.is_full(limit) or left <= 0:
                return walk.so_far()
        async with aclosing(pages_of(params, size)) as pages:
            async for page in pages:
                before = len(walk.slice.rows)
                if not await _take(walk, page.readings):
                    return walk.whole()
                left -= plan.scans or len(walk.slice.rows) == before
                # In a tie the place itself comes again. Where it is a page and the budget, the
                # next one is read, or the walk would stand there for ever.
                if pages_max == 1 and plan.then and walk.passed == len(page.readings) == 1:
                    left, pages_max = 1, 0
                if page.last:
                    break
                if walk.is_full(limit):
                    return walk.so_far()
                if left <= 0:
                    return walk.stopped()
    return walk.whole()


async def _take(walk: Walk, readings: Sequence[Reading[Any]]) -> bool:
    """Let `walk` take a page; return False when the window's end was passed."""
    for start in range(0, len(readings), _TURN):
        if len(readings) > _TURN:
            await asyncio.sleep(0)
        if not all(walk.take(reading) for reading in readings[start : start + _TURN]):
            return False
    return True


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
    walk = None if plan is None else Walk(plan, account, resumed_at=None)
    found: list[Reading[Any]] = []
    for ids in wanted:
        filtered = with_filters(plan, ids)
        async for reading in _readings(pages_of, ids):
            _check(reading, ids)
            found.append(reading)
            if walk and filtered is None:
                walk.take(reading)
        if walk and filtered is not None:
            async for reading in _readings(pages_of, filtered, limit=len(ids)):
                walk.take(reading)
    everything = walk.whole() if walk else Slice()
    everything.found = visible(found, sees)
    return everything


def with_filters(plan: Plan | None, ids: Params) -> Params | None:
    """Return the second list of a batch: those of `ids` that the platform's filters let pass.

    None when it has none to apply, or when nothing can match.
    """
    if plan is None or all(name == "order" for name, _ in plan.params):
        return None
    return plan.params + ids


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
