"""How many retries an account may spend: a part of its calls, and a few for a lone one."""

from collections.abc import Callable
from typing import Final

# One retry for every five calls, as in Finagle's `RetryBudget`: what a failing platform is asked
# grows by a fifth at most, however many callers retry.
PART: Final = 0.2
# What a quiet time may save up: the burst that a short fault may cost.
SAVED_MAX: Final = 10.0
# A lone call may use all its retries; once spent they come back within ten seconds.
FLOOR: Final = 2.0
FLOOR_PER_S: Final = 0.2


class RetryBudget:
    """A purse: each call earns `PART` of a retry, each retry costs one.

    Below `FLOOR` it also fills with time. `monotonic` is in seconds.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._saved = FLOOR
        self._at = monotonic()

    def earn(self) -> None:
        """Note a call that is made for the first time."""
        self._trickle()
        self._saved = min(SAVED_MAX, self._saved + PART)

    def spend(self) -> bool:
        """Take a retry out; False when there is none."""
        self._trickle()
        # A tenth of a call is missing after ten additions of 0.2 to a float.
        if self._saved < 1 - 1e-9:
            return False
        self._saved -= 1
        return True

    def _trickle(self) -> None:
        now = self._monotonic()
        if self._saved < FLOOR:
            self._saved = min(FLOOR, self._saved + FLOOR_PER_S * (now - self._at))
        self._at = now
