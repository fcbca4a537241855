"""What the cache stands before in these tests: a clock set by hand and a loader behind a gate."""

import asyncio
from dataclasses import replace
from typing import Generic, TypeVar

from app.cache.answers import Clocks

T = TypeVar("T")

CLOCKS = Clocks(failure_ttl_s=2.0, not_found_ttl_s=5.0)
GRACES = replace(CLOCKS, stale_while_revalidate_s=30.0, stale_if_error_s=600.0)


class Clock:
    """Monotonic seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time now."""
        return self.now


class Origin(Generic[T]):
    """A loader that returns or raises `outcome` once its gate opens, and counts what happens.

    A `stubborn` one answers even when it is cancelled, as soon as `released` is set.
    """

    def __init__(
        self, outcome: T | Exception, *, shut: bool = False, stubborn: bool = False
    ) -> None:
        self.outcome = outcome
        self.calls = 0
        self.cancellations = 0
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.released = asyncio.Event()
        self.ended = asyncio.Event()
        self.stubborn = stubborn
        if not shut:
            self.gate.set()

    async def __call__(self) -> T:
        """Load once."""
        self.calls += 1
        self.entered.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            if not self.stubborn:
                raise
            await self.released.wait()
        self.ended.set()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome
