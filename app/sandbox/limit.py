"""How often the platform lets itself be asked, when it is told to mind (P§13)."""

from collections.abc import Callable

from app.sandbox.refusals import throttled


class RateLimit:
    """A bucket of one second's worth; who overdraws it is sent away for `retry_after_s`.

    Until then every request is refused. No limit is documented (P§13); without a `rate`, in
    requests per second, there is none. `refused` holds the refusals' times in Unix seconds.
    """

    def __init__(
        self, *, clock: Callable[[], float], rate: float | None, retry_after_s: int
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._retry_after_s = retry_after_s
        self._saved = rate or 0.0
        self._at = clock()
        self._quiet_until = 0.0
        self.refused: list[float] = []

    def check(self) -> None:
        """Let a request pass.

        Raises:
            RefusalError: 429 with `Retry-After`.
        """
        if self._rate is None:
            return
        now = self._clock()
        self._saved = min(self._rate, self._saved + self._rate * (now - self._at))
        self._at = now
        if now >= self._quiet_until and self._saved >= 1:
            self._saved -= 1
            return
        self.refused.append(now)
        self._quiet_until = now + self._retry_after_s
        raise throttled(self._retry_after_s)
