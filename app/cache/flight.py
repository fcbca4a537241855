"""Detached single flight: many callers, one load."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextvars import Context, copy_context
from typing import Final, Generic, TypeVar

from app.cache.commitment import PROMISE, Promise
from app.cache.failure import fresh_copy
from app.errors import ServiceError, UpstreamUnavailableError

_RETRY_AFTER_S: Final = 1.0

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def everybody() -> None:
    """Let a load begin, or be joined, whoever asks."""


class _Flight(Generic[V]):
    """One load under way: who waits for it, and what shall become of it."""

    __slots__ = ("began_at", "context", "keep", "owned", "promise", "task", "waiters")

    def __init__(
        self, task: asyncio.Task[V], context: Context, promise: Promise, began_at: float
    ) -> None:
        self.task = task
        self.context = context  # what runs in the task sees it, and what it begins a copy
        self.promise = promise
        self.began_at = began_at
        self.waiters = 0
        self.owned = False  # goes on without anybody who waits
        self.keep = False  # somebody wants the answer kept


class Flights(Generic[K, V]):
    """Loads under way, at most one per key that anybody may still join.

    The task of a load belongs to this object, not to the caller who happened to come first, so a
    caller's cancellation harms nobody else; the last caller to leave cancels the load, unless it
    is committed, or the flight is owned: begun for nobody, or left by one who had no more time and
    will come again.

    There is no lock: everything runs on one event loop, so what stands between two awaits is
    atomic. Three orders keep it right, each marked where it is held:
    (1) a flight is looked up and its callers counted in one step, so none is left between the two;
    (2) an abandoned flight loses its key before it is cancelled, so who comes next starts anew;
    (3) a flight that ends gives up its key only if the key is still its own.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._joinable: dict[K, _Flight[V]] = {}
        # The loop itself holds tasks weakly, and abandoned flights have no key any more.
        self._tasks: set[asyncio.Task[V]] = set()
        self._closed = False
        self._monotonic = monotonic

    async def join(
        self,
        key: K,
        load: Callable[[], Awaitable[V]],
        admit: Callable[[], None] = everybody,
        *,
        board: Callable[[], None] = everybody,
        keep: bool = True,
        since: float | None = None,
        wait_s: float | None = None,
    ) -> tuple[V, bool]:
        """Return what `load` returns, and whether this caller's `load` was the one that ran.

        Others wait for the same run, so `load` must hold nothing that belongs to one caller. A
        flight that began before `since` is not joined but succeeded by a new one. `keep` is told
        to the load by `keeps`. `admit` is called before a new one begins, in the same context, and
        prevents it by raising; `board` in the context of one that is joined.

        Raises:
            TimeoutError: `wait_s` seconds were not enough; the flight goes on.
            UpstreamUnavailableError: the load was cancelled while this caller waited (by `aclose`,
                or from inside), or this object is closed. Nobody but a cancelled caller is handed a
                `CancelledError`.
            Exception: whatever `load` raises, a copy for each caller, the original as its cause.
        """
        joined = self._in_the_air(key)
        if joined is not None and since is not None and joined.began_at < since:
            joined = None
        if joined is None:
            admit()
        else:
            joined.context.run(board)
        flight = joined or self._start(key, load)
        flight.keep = flight.keep or keep
        await self._stay(key, flight, wait_s)
        return _landed(flight.task), joined is None

    def begin(
        self, key: K, load: Callable[[], Awaitable[V]], admit: Callable[[], None] = everybody
    ) -> bool:
        """Start a load that nobody waits for; return False if one is in the air, or at the end.

        `admit` is called before it begins and prevents it by raising.
        """
        if self._closed or self._in_the_air(key) is not None:
            return False
        admit()
        flight = self._start(key, load)
        flight.owned = flight.keep = True
        return True

    def keeps(self, key: K) -> bool:
        """Say whether the flight that asks this is still the one of `key`, and is to be kept.

        One that was abandoned, succeeded or forgotten may be older than what is kept by now,
        whatever it made of its cancellation.
        """
        return self.is_latest(key) and self._joinable[key].keep

    def is_latest(self, key: K) -> bool:
        """Say whether the flight that asks this is still the one of `key`, to be kept or not."""
        flight = self._joinable.get(key)
        return flight is not None and flight.task is asyncio.current_task()

    def began_at(self, key: K) -> float | None:
        """Return when the flight of `key` began, or None if there is none to join."""
        flight = self._in_the_air(key)
        return None if flight is None else flight.began_at

    def forget(self, matches: Callable[[K], bool]) -> None:
        """Let nobody join the flights of keys that match any more; who waits goes on waiting."""
        for key in [key for key in self._joinable if matches(key)]:
            del self._joinable[key]

    def __contains__(self, key: K) -> bool:
        return self._in_the_air(key) is not None

    async def aclose(self) -> None:
        """Cancel what flies and wait until it has ended; later callers are refused."""
        self._closed = True
        for task in self._tasks:
            # A second time would cut into the cleaning up of one that was abandoned.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stay(self, key: K, flight: _Flight[V], wait_s: float | None) -> None:
        """Wait until `flight` has landed; the last to leave early ends it, unless it goes on."""
        flight.waiters += 1  # (1): nothing was awaited since it was looked up
        try:
            # `wait` leaves the task alone when the caller is cancelled, and unlike `shield` it does
            # not raise the task's one exception object through every caller's frames.
            await asyncio.wait((flight.task,), timeout=wait_s)
            if not flight.task.done():
                flight.owned = True
                raise TimeoutError
        finally:
            flight.waiters -= 1
            flight.owned = flight.owned or (flight.promise.made and not flight.waiters)
            if not (flight.waiters or flight.owned or flight.task.done()):
                self._release(key, flight)  # (2)
                flight.task.cancel()

    def _in_the_air(self, key: K) -> _Flight[V] | None:
        flight = self._joinable.get(key)
        # A task may be done while its callbacks still wait for their turn: that flight has landed.
        return None if flight is None or flight.task.done() else flight

    def _start(self, key: K, load: Callable[[], Awaitable[V]]) -> _Flight[V]:
        if self._closed:
            raise UpstreamUnavailableError("The service is stopping.", retry_after_s=_RETRY_AFTER_S)

        def end(task: asyncio.Task[V]) -> None:
            self._tasks.discard(task)
            self._release(key, flight)  # (3)
            # Looked at here, lest asyncio complains of a failure that nobody waited for.
            error = None if task.cancelled() else task.exception()
            if error is not None and flight.owned and not isinstance(error, ServiceError):
                _complain(task, error)

        async def run() -> V:
            return await load()

        context, promise = copy_context(), Promise()
        context.run(PROMISE.set, promise)
        task = asyncio.create_task(run(), context=context)
        flight = _Flight(task, context, promise, self._monotonic())
        flight.task.add_done_callback(end)
        self._tasks.add(flight.task)
        self._joinable[key] = flight
        return flight

    def _release(self, key: K, flight: _Flight[V]) -> None:
        if self._joinable.get(key) is flight:
            del self._joinable[key]


def _complain(task: asyncio.Task[V], error: BaseException) -> None:
    """Tell the loop of a bug that may have had nobody to be told to."""
    context = {"message": "A refresh crashed", "exception": error, "task": task}
    task.get_loop().call_exception_handler(context)


def _landed(task: asyncio.Task[V]) -> V:
    """Return or raise a done task's outcome for one of its callers."""
    if task.cancelled():
        raise UpstreamUnavailableError(
            "The fetch was given up before it ended.", retry_after_s=_RETRY_AFTER_S
        )
    error = task.exception()
    if error is not None:
        raise fresh_copy(error) from error
    return task.result()
