"""How often the platform is asked again, and how long is waited before."""

from collections.abc import Awaitable, Callable

import httpx
from typing_extensions import override

from app.platform.attempt import outcome_of
from app.platform.budget import RetryBudget
from app.platform.events import Listen, Outcome, RetryForgone, RetryScheduled, part_of

# Two retries, 1 to 2 s apart (P§12.1, P§13). A 500 is among them because one client reports
# time-outs of the platform's database as 500 (P§13), and every call here is a read.
WAITS_MAX_S = (1.0, 2.0)
RETRIED_STATUS = frozenset({500, 502, 503, 504})


class Retrying(httpx.AsyncBaseTransport):
    """Asks again when nothing answered or one of `RETRIED_STATUS` did, at most twice.

    The wait is drawn evenly from 0 to 1 s, then 0 to 2 s, so that many callers don't return
    together. Four things bound a retry beside their number: the request's extensions `deadline` and
    `usable_until`, the end of its token (on the clock `monotonic`): a wait that would pass them is
    not begun; the account's `budget`; and the gate, to which each retry is charged. Where one says
    no, the failure at hand is the answer. A request that is made `again`, with another token, is
    charged like a retry and earns none.

    Never retried: a platform that is silent, for the caller has waited long enough; any 4xx, 429
    included; an answer that says itself when to come back, for then the gate is closed; an error of
    ours from a transport inside, such as an open breaker.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        account: str,
        budget: RetryBudget,
        charge: Callable[[], None],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rand: Callable[[], float],
        listen: Listen,
    ) -> None:
        self._inner = inner
        self._account = account
        self._budget = budget
        self._charge = charge
        self._monotonic = monotonic
        self._sleep = sleep
        self._rand = rand
        self._listen = listen

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.extensions.get("again"):
            self._charge()
        else:
            self._budget.earn()
        for attempt, wait_max_s in enumerate(WAITS_MAX_S, 1):
            wait_s = wait_max_s * self._rand()
            try:
                response = await self._inner.handle_async_request(request)
            except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout):
                if not self._may_retry(request, wait_s):
                    raise
                outcome: Outcome = "unreachable"
            else:
                if not _is_retried(response) or not self._may_retry(request, wait_s):
                    return response
                outcome = outcome_of(response)
            endpoint = request.extensions["endpoint"]
            self._listen(RetryScheduled(self._account, endpoint, attempt, outcome, wait_s))
            await self._sleep(wait_s)
            if part_of(endpoint) == "api":
                self._charge()
        return await self._inner.handle_async_request(request)

    def _may_retry(self, request: httpx.Request, wait_s: float) -> bool:
        deadline: float = request.extensions["deadline"]
        usable_until: float = request.extensions.get("usable_until", deadline)
        if self._monotonic() + wait_s >= min(deadline, usable_until):
            return False
        if self._budget.spend():
            return True
        self._listen(RetryForgone(self._account, request.extensions["endpoint"]))
        return False

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


def _is_retried(response: httpx.Response) -> bool:
    return response.status_code in RETRIED_STATUS and "Retry-After" not in response.headers
