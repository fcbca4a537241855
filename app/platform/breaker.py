"""When the platform is not asked at all: a circuit opens on failures and closes by a probe."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import httpx
from typing_extensions import override

from app.errors import UpstreamInvalidResponseError, UpstreamUnavailableError
from app.platform.attempt import DEADLINE_SLACK_S, outcome_of
from app.platform.events import BreakerMoved, BreakerState, Endpoint, Listen, Outcome, Part, part_of
from app.platform.refusals import is_of_a_front

# Contract section 7.
FAILURES_IN_A_ROW: Final = 5
WINDOW_S: Final = 10.0
SAMPLE_MIN: Final = 20
FAILED_PART: Final = 0.5
PROBE_AFTER_S: Final = 5.0
PROBE_AFTER_MAX_S: Final = 60.0
# Said to those who come while the probe is under way.
PROBING_S: Final = 1.0
_FAILURES: Final = frozenset[Outcome]({"3xx", "5xx", "invalid", "timeout", "unreachable"})
_LISTS: Final = frozenset[Endpoint]({"tasks", "activities"})


class Circuit:
    """Counts how calls end, and says whether the next may be made.

    It opens after `FAILURES_IN_A_ROW`, or when `FAILED_PART` of at least `SAMPLE_MIN` calls within
    `WINDOW_S` failed. After `PROBE_AFTER_S` a single call is let through: its success closes
    the circuit, its failure doubles the time up to `PROBE_AFTER_MAX_S`.

    Between `admit` and `report` the circuit may have moved: each move begins a new era, and
    what was admitted in an older one no longer counts.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], moved: Callable[[BreakerState], None]
    ) -> None:
        self._monotonic = monotonic
        self._moved = moved
        self._recent: deque[tuple[float, bool]] = deque()
        self._failed = 0  # so many of them
        self._in_a_row = 0
        self._open_until: float | None = None
        self._period_s = PROBE_AFTER_S
        self._probing = False
        self._era = 0

    def admit(self) -> int | None:
        """Let a call through and return the era to report it in; None when it may not be made."""
        if self.is_shut:
            return None
        if self._open_until is not None:
            self._probing = True
            self._moved("half_open")
        return self._era

    @property
    def is_shut(self) -> bool:
        """Whether no call may be made now; asking is no attempt."""
        if self._open_until is None:
            return False
        return self._probing or self._monotonic() < self._open_until

    def retry_after_s(self) -> float:
        """Return the seconds after which another try makes sense."""
        left_s = 0.0 if self._open_until is None else self._open_until - self._monotonic()
        return max(left_s, PROBING_S)

    def report(self, era: int, *, failed: bool | None) -> None:
        """Tell how a call ended; None when that says nothing."""
        if era != self._era:
            return
        if self._open_until is not None:
            self._probing = False
            if failed is None:
                self._moved("open")  # the next call is the probe instead
            elif failed:
                self._open(min(2 * self._period_s, PROBE_AFTER_MAX_S))
            else:
                self._close()
        elif failed is not None:
            self._note(failed=failed)

    def _note(self, *, failed: bool) -> None:
        now = self._monotonic()
        self._recent.append((now, failed))
        self._failed += failed
        while self._recent[0][0] <= now - WINDOW_S:
            self._failed -= self._recent.popleft()[1]
        self._in_a_row = self._in_a_row + 1 if failed else 0
        count = len(self._recent)
        half = count >= SAMPLE_MIN and self._failed >= FAILED_PART * count
        if self._in_a_row >= FAILURES_IN_A_ROW or half:
            self._open(PROBE_AFTER_S)

    def _open(self, period_s: float) -> None:
        self._era += 1
        self._period_s = period_s
        self._open_until = self._monotonic() + period_s
        self._moved("open")

    def _close(self) -> None:
        self._era += 1
        self._open_until = None
        self._in_a_row = self._failed = 0
        self._recent.clear()
        self._moved("closed")


class Breaker(httpx.AsyncBaseTransport):
    """Refuses attempts while the platform keeps failing.

    The token endpoint and the Task Manager are services of their own and have a circuit each:
    a token endpoint that is down must not stop calls whose token still serves.

    Failures are no answer, a time-out, a 5xx, a redirect, an answer that can't be read, a 404 that
    speaks of no object (to a list, or of a front), and a refusal of the account: a 401 to a token
    that has just been replaced, a 403 to a list. An attempt that the deadline cut off is a
    time-out. Neither good nor bad is one whose caller left, one whose token was too old, and a 403
    to a single object: it may be another tenant's (P§12.1), and would else close the circuit of an
    account that may read nothing.

    Raises:
        UpstreamUnavailableError: the circuit is open; at once, and `Retrying` passes it on.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        account: str,
        monotonic: Callable[[], float],
        listen: Listen,
        shut: Callable[[], None] = lambda: None,
    ) -> None:
        """`shut` is told when a circuit begins to refuse calls, or lets none through but one."""
        self._inner = inner
        self._account = account
        self._monotonic = monotonic

        def circuit(part: Part) -> Circuit:
            def moved(state: BreakerState) -> None:
                listen(BreakerMoved(account, part, state))
                if state != "closed":
                    shut()

            return Circuit(monotonic=monotonic, moved=moved)

        self._circuits: dict[Part, Circuit] = {"token": circuit("token"), "api": circuit("api")}

    def refusal(self, part: Part) -> UpstreamUnavailableError | None:
        """Return what a call would be told now that may not be made; asking is no attempt."""
        circuit = self._circuits[part]
        return self._refusal(circuit) if circuit.is_shut else None

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        circuit = self._circuits[part_of(request.extensions["endpoint"])]
        era = circuit.admit()
        if era is None:
            raise self._refusal(circuit)
        failed: bool | None = None
        try:
            response = await self._inner.handle_async_request(request)
            failed = _failed(request, response)
        except (httpx.TransportError, UpstreamInvalidResponseError):
            failed = True
            raise
        except asyncio.CancelledError:
            deadline: float = request.extensions["deadline"]
            failed = True if self._monotonic() >= deadline - DEADLINE_SLACK_S else None
            raise
        finally:
            circuit.report(era, failed=failed)
        return response

    def _refusal(self, circuit: Circuit) -> UpstreamUnavailableError:
        return UpstreamUnavailableError(
            "The platform keeps failing and is left alone for a while.",
            retry_after_s=circuit.retry_after_s(),
            account=self._account,
        )

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


def _failed(request: httpx.Request, response: httpx.Response) -> bool | None:
    endpoint: Endpoint = request.extensions["endpoint"]
    if endpoint == "token":  # who logs in backs off by itself from a refusal
        return outcome_of(response) in _FAILURES
    match response.status_code:
        case httpx.codes.UNAUTHORIZED:
            return True if request.extensions.get("just_replaced") else None
        case httpx.codes.FORBIDDEN:
            return True if endpoint in _LISTS else None
        case httpx.codes.NOT_FOUND:
            return endpoint in _LISTS or is_of_a_front(response)
        case _:
            return outcome_of(response) in _FAILURES
