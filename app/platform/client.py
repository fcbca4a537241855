"""The platform's Task Manager as two kinds of things: tasks and activities."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from copy import copy
from typing import Final, Self, TypeVar

import httpx
from msgspec import Raw

from app.domain.activity import Activity
from app.domain.reading import Item, Page, Reading
from app.errors import UpstreamInvalidResponseError
from app.platform.decoding import read_items
from app.platform.events import Endpoint, ItemsRead, Listen
from app.platform.kinds import ACTIVITIES, TASKS, Kind
from app.platform.refusals import facts_of, is_of_a_front, refusal
from app.platform.stack import Stack

_ItemT = TypeVar("_ItemT", bound=Item)
_T = TypeVar("_T")

# No source says which fields a level of detail returns, and the seed's answer without one lacks
# `progress`, `executor` and `assignCount` (P§7). The contract shows these and `context`, so lists
# and single objects ask for everything short of `debug`.
LOD: Final = ("lod", "full")

# A thousand pages are a million tasks at the usual size, more than an account keeps in its
# 90 days (P§13), and far more than one answer reads; beyond it the cursor leads nowhere.
PAGES_MAX: Final = 1000

# Items that are normalised before others have their turn: 0.5 ms of the event loop. A page of twice
# as many is done in one go.
SLICE: Final = 50


class PlatformClient:
    """One account of the platform, asked through its `stack`.

    The deadline of the stack covers a walk over pages as a whole, and each single object: queueing,
    waiting for a token, attempts, waits between them, and the bodies. A caller who is cancelled
    loses no connection, and leaves a token request that others wait for. `clock` is Unix time.

    Every method raises, each with the account:
        OverloadedError: too many calls wait for their turn.
        UpstreamAuthFailedError: the credentials were refused.
        UpstreamFailedError: the platform failed, also when asked again, or refused the query.
        UpstreamInvalidResponseError: the answer could not be read.
        UpstreamThrottledError: the platform asked to slow down.
        UpstreamTimeoutError: the deadline passed, or the platform was silent for `timeout_s`.
        UpstreamUnavailableError: the platform or its token endpoint is out of reach, or kept
            failing and is left alone.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        account: str,
        page_size_max: int,
        pages_max: int = PAGES_MAX,
        clock: Callable[[], float],
        listen: Listen,
    ) -> None:
        self._stack = stack
        self._account = account
        self._page_size_max = page_size_max
        self._pages_max = pages_max
        self._clock = clock
        self._listen = listen
        self._due_by: float | None = None

    @property
    def overloaded(self) -> bool:
        """Whether as many calls wait for their turn as may; more would be refused."""
        return self._stack.overloaded

    def due_by(self, deadline: float) -> Self:
        """Return the same client for an answer that must be there by then, in monotonic seconds.

        A call that is still under way then is the platform's silence, also when the answer began
        with others. Without it a walk has the deadline of the stack from its beginning on.
        """
        due = copy(self)
        due._due_by = deadline  # noqa: SLF001  # a copy of itself
        return due

    def task_pages(
        self, params: Sequence[tuple[str, str]], *, limit: int
    ) -> AsyncGenerator[Page, None]:
        """Yield pages of tasks, each fetched when it is asked for; stop iterating at will.

        `params` are filters and order, for the first request only: the cursor holds them
        afterwards (P§8). A page has at most `limit` tasks, and at most `page_size_max`; one may
        be empty and yet not be the last.

        Raises:
            UpstreamInvalidResponseError: a cursor came twice, `pages_max` pages had no end, or a
                page has more than `page_size_max` tasks.
        """
        return self._pages(TASKS, params, limit)

    def activity_pages(
        self, params: Sequence[tuple[str, str]], *, limit: int
    ) -> AsyncGenerator[Page[Activity], None]:
        """Yield pages of activities, as `task_pages` does of tasks."""
        return self._pages(ACTIVITIES, params, limit)

    async def _pages(
        self, kind: Kind[_ItemT], params: Sequence[tuple[str, str]], limit: int
    ) -> AsyncGenerator[Page[_ItemT], None]:
        size = [("limit", str(min(limit, self._page_size_max))), LOD]
        seen: set[str] = set()
        deadline = self._deadline()
        query = [*params, *size]
        for _ in range(self._pages_max):
            items, after = await self._get(
                kind,
                kind.list,
                kind.path,
                query,
                deadline=deadline,
                read=lambda body: read_items(body, self._account, items_max=self._page_size_max),
            )
            readings = await self._read(kind, items)
            if after in seen:
                raise UpstreamInvalidResponseError(
                    "The platform sent the same cursor twice.", account=self._account
                )
            self._tell(readings)
            yield Page(readings=readings, last=after is None)
            if after is None:
                return
            seen.add(after)
            query = [*size, ("after", after)]
        raise UpstreamInvalidResponseError(
            f"The platform's list has no end after {self._pages_max} pages.", account=self._account
        )

    async def _read(self, kind: Kind[_ItemT], items: Sequence[Raw]) -> tuple[Reading[_ItemT], ...]:
        if len(items) <= 2 * SLICE:
            return tuple([kind.read_item(item, self._account) for item in items])
        readings: list[Reading[_ItemT]] = []
        for start in range(0, len(items), SLICE):
            await asyncio.sleep(0)
            part = items[start : start + SLICE]
            readings += [kind.read_item(item, self._account) for item in part]
        return tuple(readings)

    async def task(self, upstream_id: str) -> Reading:
        """Return the task with this id, which is decimal digits (P§3); anything else is not found.

        Raises:
            TaskNotFoundError: the platform has no such task, or doesn't show it.
        """
        return await self._one(TASKS, upstream_id)

    async def activity(self, upstream_id: str) -> Reading[Activity]:
        """Return the activity with this id, as `task` does a task.

        Raises:
            ActivityNotFoundError: the platform has no such activity, or doesn't show it.
        """
        return await self._one(ACTIVITIES, upstream_id)

    async def _one(self, kind: Kind[_ItemT], upstream_id: str) -> Reading[_ItemT]:
        if not (upstream_id.isascii() and upstream_id.isdigit()):
            raise kind.not_found()
        reading = await self._get(
            kind,
            kind.one,
            f"{kind.path}/{upstream_id}",
            [LOD],
            deadline=self._deadline(),
            read=lambda body: kind.read_one(body, self._account),
        )
        self._tell([reading])
        return reading

    def _deadline(self) -> float:
        return self._stack.deadline() if self._due_by is None else self._due_by

    async def login(self) -> None:
        """Have a usable token, or say why not; asks for one unless there is one."""
        await self._stack.login()

    async def aclose(self) -> None:
        """End a token request that still runs and close the connections."""
        await self._stack.aclose()

    async def _get(
        self,
        kind: Kind[Item],
        endpoint: Endpoint,
        path: str,
        params: Sequence[tuple[str, str]],
        *,
        deadline: float,
        read: Callable[[bytes], _T],
    ) -> _T:
        response = await self._stack.get(endpoint, path, params, deadline=deadline, read=read)
        if response.is_success:
            found: _T = response.extensions["read"]
            return found
        if endpoint == kind.one and response.status_code == httpx.codes.NOT_FOUND:
            raise self._not_found(kind, response)
        error = refusal(response, account=self._account, now=self._clock())
        if endpoint == kind.one and response.status_code == httpx.codes.FORBIDDEN:
            error.refused = True  # it may be another tenant's: the account may be well (P§12.1)
        raise error

    def _not_found(self, kind: Kind[Item], response: httpx.Response) -> Exception:
        if is_of_a_front(response):
            return UpstreamInvalidResponseError(
                "Not the platform but something before it answered.",
                account=self._account,
                upstream=facts_of(response),
            )
        return kind.not_found()

    def _tell(self, readings: Sequence[Reading[Item]]) -> None:
        self._listen(
            ItemsRead(
                self._account,
                len(readings),
                sum(reading.dropped for reading in readings),
                Counter(word for reading in readings for word in reading.item.anomalies),
            )
        )
