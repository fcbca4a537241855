"""How often the platform is asked again, and how long is waited before."""

from collections.abc import Awaitable, Callable

import httpx
from typing_extensions import override

from app.platform.attempt import outcome_of
from app.platform.events import Listen, Outcome, RetryScheduled
from app.platform.failures import retry_after_s

# Two retries, 1 to 2 s apart (P§12.1, P§13). A 500 is among them because one client reports
# time-outs of the platform's database as 500 (P§13), and every call here is a read.
WAITS_MAX_S = (1.0, 2.0)
RETRIED_STATUS = frozenset({500, 502, 503, 504})


class Retrying(httpx.AsyncBaseTransport):
    """Asks again when nothing answered or one of `RETRIED_STATUS` did, at most twice.

    The wait is drawn evenly from 0 to 1 s, then 0 to 2 s, so that many callers don't return
    together; it is added to the `Retry-After` of the answer. A request's extension `deadline`
    (on the clock `monotonic`) bounds everything: a wait that would pass it is not begun, and
    the failure at hand is the answer. Time-outs are not retried, for the caller has waited
    long enough; neither is any 4xx, 429 included, nor an error of ours from a transport inside.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        account: str,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rand: Callable[[], float],
        listen: Listen,
    ) -> None:
        self._inner = inner
        self._account = account
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._rand = rand
        self._listen = listen

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for attempt, wait_max_s in enumerate(WAITS_MAX_S, 1):
            wait_s = wait_max_s * self._rand()
            try:
                response = await self._inner.handle_async_request(request)
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if self._too_long(request, wait_s):
                    raise
                outcome: Outcome = "unreachable"
            else:
                wait_s += retry_after_s(response, self._clock()) or 0.0
                if response.status_code not in RETRIED_STATUS or self._too_long(request, wait_s):
                    return response
                await response.aclose()
                outcome = outcome_of(response)
            endpoint = request.extensions["endpoint"]
            self._listen(RetryScheduled(self._account, endpoint, attempt, outcome, wait_s))
            await self._sleep(wait_s)
        return await self._inner.handle_async_request(request)

    def _too_long(self, request: httpx.Request, wait_s: float) -> bool:
        deadline: float = request.extensions["deadline"]
        return self._monotonic() + wait_s >= deadline

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
