"""Whose turn it is: calls of one account wait here, fairly, and not for ever."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.errors import (
    OverloadedError,
    UpstreamError,
    UpstreamThrottledError,
)
from app.platform.events import GateClosed, Listen, Refusal, TurnRefused, TurnTaken
from app.platform.fair import FairQueue, Place, Share
from app.platform.pace import Pace


class Gate:
    """Lets calls through at the account's `pace`; the others wait in a bounded, fair queue.

    While the platform asked for quiet the gate is closed, and everyone is told so at once, those
    in the queue too: what is kept may then be served, and a wait of unknown worth is the caller's
    to choose. The same holds while `barred` says why a call would be in vain.

    The queue is as long as can be served in `queue_s` seconds. When it is full the newest of the
    longest line has to leave. A call that others come to wait for too takes its turn in the best
    of their lines. Part of the pace is kept for consumers who had few turns: they need not wait
    behind those who flood.

    All runs on one event loop, so what stands between two awaits is atomic.
    """

    def __init__(
        self,
        pace: Pace,
        *,
        account: str,
        queue_s: float,
        barred: Callable[[], UpstreamError | None],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        listen: Listen,
    ) -> None:
        self._pace = pace
        self._account = account
        self._queue_s = queue_s
        self._barred = barred
        self._monotonic = monotonic
        self._sleep = sleep
        self._listen = listen
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._running = 0
        self._waker: asyncio.Task[None] | None = None
        self._closed_by: type[UpstreamError] = UpstreamThrottledError

    @asynccontextmanager
    async def turn(self, share: Share, *, wait_s: float | None = None) -> AsyncGenerator[None]:
        """Hold a place from its turn on to the end of the block.

        Raises:
            OverloadedError: too many wait already, or the turn did not come within `wait_s`.
            UpstreamThrottledError: the platform asked for quiet (429).
            UpstreamUnavailableError: the same, with a 503.
            UpstreamError: `barred` says so.
        """
        begun = self._monotonic()
        await self._enter(share, wait_s)
        try:
            self._listen(TurnTaken(self._account, self._monotonic() - begun))
            yield
        finally:
            self._leave()

    def check(self) -> None:
        """Let pass unless closed.

        Raises:
            UpstreamThrottledError, UpstreamUnavailableError: as `turn`.
        """
        if self._pace.closed_for_s():
            self._listen(TurnRefused(self._account, "closed"))
            raise self._closed()

    def close(self, wait_s: float, by: type[UpstreamError]) -> None:
        """Close for everyone for `wait_s`, as the platform asked; `by` is what they are told."""
        self._closed_by = by
        self._pace.close(wait_s)
        self._listen(GateClosed(self._account, self._pace.closed_for_s()))
        while self._waiting:
            self._refuse(self._waiting.pop(), self._closed(), "closed")

    def clear(self) -> None:
        """Turn all away who wait, if they are barred by now."""
        while self._waiting and (error := self._barred()):
            self._refuse(self._waiting.pop(), error, "failing")

    @property
    def full(self) -> bool:
        """Whether whoever comes now finds no place in the queue unless another loses his."""
        return len(self._waiting) >= max(1, int(self._pace.rate * self._queue_s))

    def charge(self) -> None:
        """Count a retry: the calls after it wait for it."""
        self._pace.charge()

    def bore(self) -> None:
        """Note that the platform answered a call."""
        self._pace.bore()

    async def aclose(self) -> None:
        """End what would wake the queue."""
        if self._waker is not None:
            self._waker.cancel()
            await asyncio.wait({self._waker})
            self._waker = None

    async def _enter(self, share: Share, wait_s: float | None) -> None:
        self.check()
        if error := self._barred():
            self._listen(TurnRefused(self._account, "failing"))
            raise error
        if self._goes_at_once(share):
            self._go()
            return
        place = self._join(share)
        try:
            async with asyncio.timeout(wait_s):
                await self._wait(place, share)
        except TimeoutError:
            self._listen(TurnRefused(self._account, "overloaded"))
            raise self._overloaded() from None

    def _goes_at_once(self, share: Share) -> bool:
        if not self._has_room() or self._pace.wait_s():
            return False
        if not self._waiting:
            return True
        is_early = self._waiting.is_early(share)
        if is_early:
            self._waiting.went(share)
        return is_early

    async def _wait(self, place: "Place[asyncio.Future[None]]", share: Share) -> None:
        turn = place.item

        def joined(consumer: str, weight: float) -> None:
            self._waiting.join(place, Share(consumer, weight))

        forget = share.party.watch(joined) if share.party is not None else None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._leave()  # the turn came in the very moment its caller left
            self._waiting.discard(place)
            raise
        finally:
            if forget is not None:
                forget()

    def _join(self, share: Share) -> "Place[asyncio.Future[None]]":
        if self.full:
            last = self._waiting.make_room(share)
            if last is None:
                self._listen(TurnRefused(self._account, "overloaded"))
                raise self._overloaded()
            self._refuse(last, self._overloaded(), "overloaded")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = self._waiting.put(share, turn)
        self._pump()
        return place

    def _has_room(self) -> bool:
        return self._running < self._pace.concurrency

    def _go(self) -> None:
        self._running += 1
        self._pace.charge()

    def _leave(self) -> None:
        self._running -= 1
        self._pump()

    def _pump(self) -> None:
        self.clear()
        while self._waiting and self._has_room():
            if wait_s := self._pace.wait_s(reserve=not self._waiting.first().early):
                self._wake_after(wait_s)
                return
            turn = self._waiting.pop()
            if not turn.done():  # a caller that left is still on its way out
                self._go()
                turn.set_result(None)

    def _wake_after(self, wait_s: float) -> None:
        if self._waker is None:
            self._waker = asyncio.create_task(self._wake(wait_s), name=f"gate {self._account}")

    async def _wake(self, wait_s: float) -> None:
        await self._sleep(wait_s)
        self._waker = None
        self._pump()

    def _refuse(self, turn: "asyncio.Future[None]", error: Exception, reason: Refusal) -> None:
        if not turn.done():
            self._listen(TurnRefused(self._account, reason))
            turn.set_exception(error)

    def _overloaded(self) -> OverloadedError:
        return OverloadedError(
            "Too many questions wait for this account.",
            retry_after_s=len(self._waiting) / max(1.0, self._pace.rate),
            account=self._account,
        )

    def _closed(self) -> UpstreamError:
        return self._closed_by(
            "The platform asked to be left alone for a while.",
            retry_after_s=self._pace.closed_for_s(),
            account=self._account,
        )
