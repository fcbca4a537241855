"""How fast an account may be called: a token bucket that shuts on a 429 and reopens slowly."""

import math
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Final

# What the platform bears is what it bore on average, or half of what it bore in the last second if
# that is more: a bucket of one second's worth lets twice its rate through in a burst's first.
BORNE_OVER_S: Final = 10.0
BURST_S: Final = 1.0
BURST_PART: Final = 0.5
# After a closure the pace begins at half of what the platform bore in the last second, and grows
# evenly to the whole within this time.
GROWTH_S: Final = 120.0
# Unless it was the pace itself that was refused: calls came at this part of it and more. Then the
# rate is remembered. Most of it is open soon, all of it after this time, so that a platform that
# bears the less refuses no more often than that; only then it is tried whether it bears more.
PRESSED_PART: Final = 0.5
REMEMBERED_PART: Final = 0.8
REMEMBERED_SOON_S: Final = 60.0
REMEMBERED_S: Final = 300.0
# So many calls, or a fifth of a second's, are not for those who flood.
RESERVE: Final = 2.0
RESERVE_PART: Final = 0.2
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
        self._refused: float | None = None
        self._course = [(0.0, rate)]

    @property
    def openness(self) -> float:
        """The part of the whole pace that is open: 0 while closed, then growing to 1."""
        return self.rate / self._rate

    @property
    def concurrency(self) -> int:
        """The calls that may be under way at once, at least one."""
        return max(1, math.ceil(self._concurrency * self.openness))

    @property
    def rate(self) -> float:
        """Calls per second that are open now; 0 while closed."""
        since_s = self._monotonic() - self._reopens_at
        if since_s < 0:
            return 0.0
        for (from_s, low), (to_s, high) in pairwise(self._course):
            if since_s < to_s:
                return low + (high - low) * (since_s - from_s) / (to_s - from_s)
        return self._course[-1][1]

    def closed_for_s(self) -> float:
        """Return the seconds until the reopening, 0 when open."""
        return max(0.0, self._reopens_at - self._monotonic())

    def wait_s(self, *, reserve: bool = False) -> float:
        """Return the seconds until the next call may be made; 0 means now.

        With `reserve` some calls are left in the bucket, for others.
        """
        if closed_s := self.closed_for_s():
            return closed_s
        self._refill()
        kept = min(RESERVE, RESERVE_PART * self.rate, max(0.0, self.rate - 1)) if reserve else 0.0
        # Without the slack, a wait of 0.05 s may end at 0.9999999 of a call and ask for another.
        missing = 1.0 + kept - self._saved
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
            self._course = self._course_from(now)
        shut_s = max(wait_s, CLOSED_MIN_S) * (1 + SPREAD * self._rand())
        self._reopens_at = max(self._reopens_at, now + shut_s)
        self._saved, self._at = 0.0, self._reopens_at

    def _course_from(self, now: float) -> list[tuple[float, float]]:
        """Return what the rate shall be so many seconds after the reopening, point by point."""
        rate = self.rate
        burst = sum(at > now - BURST_S for at in self._borne) / BURST_S
        begin = min(rate, max(1.0, BURST_PART * burst))
        if burst >= PRESSED_PART * rate:
            borne = max(1.0, BURST_PART * burst, len(self._borne) / BORNE_OVER_S)
            self._refused = min(rate, borne)
        elif rate >= self._rate:
            self._refused = None  # it bore more since
        if self._refused is None:
            return [(0.0, begin), (GROWTH_S, self._rate)]
        soon = REMEMBERED_PART * self._refused
        return [
            (0.0, min(begin, soon)),
            (REMEMBERED_SOON_S, soon),
            (REMEMBERED_S, self._refused),
            (REMEMBERED_S + GROWTH_S, self._rate),
        ]

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
