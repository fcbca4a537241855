"""How fast an account may be called: a token bucket that shuts on a 429 and reopens slowly."""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

# After a closure the pace begins at half of what the platform bore in the second before, and grows
# evenly to the whole within this time. Half, because a bucket of one second's worth lets twice
# its rate through in the first second of a burst.
REOPEN_PART: Final = 0.5
BORNE_OVER_S: Final = 1.0
GROWTH_S: Final = 120.0
# Replicas that were refused together return up to this part later, and never sooner than a second.
SPREAD: Final = 0.2
CLOSED_MIN_S: Final = 1.0


class Pace:
    """The calls per second and at once that are right now; `rate` and `concurrency` are the most.

    The bucket holds one second's worth, or one call. `monotonic` is in seconds, `rand` in [0, 1).
    """

    def __init__(
        self,
        *,
        rate: float,
        concurrency: int,
        monotonic: Callable[[], float],
        rand: Callable[[], float],
    ) -> None:
        self._rate = rate
        self._concurrency = concurrency
        self._monotonic = monotonic
        self._rand = rand
        self._saved = max(1.0, rate)
        self._at = monotonic()
        self._borne: deque[float] = deque()
        self._reopens_at = -math.inf
        self._begin = 1.0

    @property
    def openness(self) -> float:
        """The part of the whole pace that is open: 0 while closed, then growing to 1."""
        since_s = self._monotonic() - self._reopens_at
        if since_s < 0:
            return 0.0
        return min(1.0, self._begin + (1 - self._begin) * since_s / GROWTH_S)

    @property
    def concurrency(self) -> int:
        """The calls that may be under way at once, at least one."""
        return max(1, math.ceil(self._concurrency * self.openness))

    @property
    def rate(self) -> float:
        """Calls per second that are open now; 0 while closed."""
        return self._rate * self.openness

    def closed_for_s(self) -> float:
        """Return the seconds until the reopening, 0 when open."""
        return max(0.0, self._reopens_at - self._monotonic())

    def wait_s(self) -> float:
        """Return the seconds until the next call may be made; 0 means now."""
        if closed_s := self.closed_for_s():
            return closed_s
        self._refill()
        # Without the slack, a wait of 0.05 s may end at 0.9999999 of a call and ask for another.
        missing = 1.0 - self._saved
        return missing / self.rate if missing > 1e-9 else 0.0  # noqa: PLR2004

    def charge(self) -> None:
        """Take one call out; a retry may take what the next call then waits for."""
        self._refill()
        self._saved -= 1.0

    def bore(self) -> None:
        """Note that the platform answered a call."""
        self._borne.append(self._monotonic())
        self._forget()

    def close(self, wait_s: float) -> None:
        """Shut for `wait_s` and a jitter; shut already, it is only kept shut for longer."""
        now = self._monotonic()
        if not self.closed_for_s():
            self._forget()
            borne = REOPEN_PART * len(self._borne) / BORNE_OVER_S
            self._begin = min(self.openness, max(1.0, borne) / self._rate)
        shut_s = max(wait_s, CLOSED_MIN_S) * (1 + SPREAD * self._rand())
        self._reopens_at = max(self._reopens_at, now + shut_s)
        self._saved, self._at = 0.0, self._reopens_at

    def _refill(self) -> None:
        now = self._monotonic()
        if now > self._at:
            most = max(1.0, self.rate)
            self._saved = min(most, self._saved + self.rate * (now - self._at))
            self._at = now

    def _forget(self) -> None:
        horizon = self._monotonic() - BORNE_OVER_S
        while self._borne and self._borne[0] <= horizon:
            self._borne.popleft()
