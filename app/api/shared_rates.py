"""A consumer's rate over all replicas: what is taken here is told to Valkey, behind everybody."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from app.api.limits import Rated
from app.api.shared_buckets import Buckets

QUIET_S: Final = 2.0
QUIET_MAX_S: Final = 16.0

_log = structlog.get_logger()


class SharedRates:
    """Tells Valkey what is taken, and `learn` what is left over all replicas.

    One task, one exchange at a time: what is taken meanwhile goes with the next. Where one fails,
    what it told is not told again, for it may have been done, and nothing is asked for a while:
    the process goes on alone. `answered` hears of each exchange whether it succeeded.
    """

    def __init__(
        self,
        buckets: Buckets,
        *,
        answered: Callable[[bool], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._buckets = buckets
        self._answered = answered
        self._sleep = sleep
        self._taken = Counter[Rated]()
        self._wanted = asyncio.Event()
        self._connected: bool | None = None

    def note(self, rated: Rated) -> None:
        """Have it told that one request was let through; costs no waiting."""
        self._taken[rated] += 1
        self._wanted.set()

    @asynccontextmanager
    async def running(self, learn: Callable[[Rated, float], None]) -> AsyncIterator[None]:
        """Tell and learn meanwhile; the first exchange, for nobody, says whether it works."""
        task = asyncio.create_task(self._run(learn))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._buckets.aclose()

    async def _run(self, learn: Callable[[Rated, float], None]) -> None:
        quiet_s = QUIET_S
        while True:
            try:
                await self._exchange(learn)
            except Exception as exc:  # noqa: BLE001  # whatever a server does, rates go on here
                self._move(connected=False, reason=type(exc).__name__)
                await self._sleep(quiet_s)
                quiet_s = min(2 * quiet_s, QUIET_MAX_S)
                self._taken.clear()
                continue
            self._move(connected=True)
            quiet_s = QUIET_S
            await self._wanted.wait()

    async def _exchange(self, learn: Callable[[Rated, float], None]) -> None:
        taken, self._taken = self._taken, Counter[Rated]()
        self._wanted.clear()
        if not self._connected:
            await self._buckets.look_again()
        if not taken:
            await self._buckets.probe()
            return
        left = await self._buckets.take(taken)
        for rated, level in zip(taken, left, strict=True):
            learn(rated, level - self._taken[rated])

    def _move(self, *, connected: bool, reason: str | None = None) -> None:
        self._answered(connected)
        if connected is self._connected:
            return
        self._connected = connected
        with suppress(OSError):  # a log that is full must not end the sharing
            if connected:
                _log.info("valkey_connected", host=self._buckets.host)
            else:
                _log.warning("valkey_lost", host=self._buckets.host, reason=reason)
