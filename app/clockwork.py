"""Time and chance as the process has them, on their way to the parts that need one or the other.

Whoever builds parts is given all of it; a part is given what it uses.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

SYSTEM_CLOCK: Callable[[], float] = time.time  # noqa: TID251  # here it is handed down from
# Where the system has it, a clock that a suspended machine does not stop: what is kept ages on.
SYSTEM_MONOTONIC: Callable[[], float] = partial(
    time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """Unix time, a clock that never goes back, a pause, and draws from [0, 1); times in seconds."""

    clock: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    rand: Callable[[], float]
