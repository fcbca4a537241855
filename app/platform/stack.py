"""The line of a call to one account, built as it is drawn.

::

    Gate              whose turn it is, how many, how fast; closed on a 429, barred by what follows
      TokenAuth         a token on every request; once anew on a 401
        Retrying          at most two attempts more, within a budget
          Obedience         closes the gate, and makes no attempt while it is closed
            Breaker           not at all while the platform keeps failing
              Attempts          each read to its end, within its bound, understood, and told
                pool              httpx's, or a fake

Requests for a token travel the same line from `Retrying` on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import httpx

from app.clockwork import Clockwork
from app.errors import UpstreamError
from app.platform.account import Account, Bounds
from app.platform.attempt import Attempts, extensions
from app.platform.bearer import TokenAuth
from app.platform.breaker import Breaker
from app.platform.budget import RetryBudget
from app.platform.events import Endpoint, Listen
from app.platform.failures import answering
from app.platform.fair import Share
from app.platform.gate import Gate
from app.platform.login import TokenEndpoint
from app.platform.obedience import Obedience
from app.platform.pace import Pace
from app.platform.pool import no_cookies, open_pool
from app.platform.retry import Retrying
from app.platform.token import Tokens

CONNECT_S: Final = 5.0
# Requests are a few hundred bytes.
WRITE_S: Final = 5.0
# A queue as long as can be served in this part of the deadline: whoever joined a longer one would
# have no time left for the call itself.
QUEUED_PART: Final = 0.5
# Who has not had a turn after this part of what is left is told that others were in the way, not
# that the platform is slow: a call begun in the last fiftieth would have no answer in time.
TURN_PART: Final = 0.98


class Stack:
    """Asks one account, politely; see the module for what a call passes.

    Without a `transport` it has a pool of its own. `whose` says, at the time of a call, which
    consumer it is for: turns are shared fairly.
    """

    def __init__(
        self,
        account: Account,
        bounds: Bounds,
        *,
        transport: httpx.AsyncBaseTransport | None,
        clockwork: Clockwork,
        listen: Listen,
        version: str,
        whose: Callable[[], Share],
    ) -> None:
        self._account = account
        self._bounds = bounds
        self._clockwork = clockwork
        self._monotonic = clockwork.monotonic
        self._listen = listen
        self._whose = whose
        self._gate = self._new_gate()
        self._breaker = self._new_breaker(
            transport
            or open_pool(concurrency=bounds.concurrency, ca_file=bounds.ca_file, proxy=bounds.proxy)
        )
        retrying = self._new_retrying()
        self._http = _client(account.url, bounds, retrying, version)
        self._tokens = self._new_tokens()
        self._line = TokenAuth(retrying, self._tokens)
        self._timeout = self._http.timeout.as_dict()
        self._base_url = str(self._http.base_url).rstrip("/")

    @property
    def overloaded(self) -> bool:
        """Whether as many calls wait for their turn as may."""
        return self._gate.full

    def deadline(self) -> float:
        """Return when an answer begun now must be there, on the monotonic clock."""
        return self._monotonic() + self._bounds.deadline_s

    async def get(
        self,
        endpoint: Endpoint,
        path: str,
        params: Sequence[tuple[str, str]],
        *,
        deadline: float,
        read: Callable[[bytes], object],
    ) -> httpx.Response:
        """Return the platform's answer, whatever its status, by the deadline.

        What `read` makes of a success is its extension `read`; what that can't read is a failure.

        Raises:
            OverloadedError, UpstreamError: there is none.
        """
        left_s = deadline - self._monotonic()
        told = extensions(endpoint, deadline=deadline, read=read)
        async with (
            self._gate.turn(self._whose(), wait_s=TURN_PART * left_s),
            answering(self._account.alias, deadline_s=deadline - self._monotonic()),
        ):
            return await self._line.handle_async_request(self._request(path, params, told))

    def _request(
        self, path: str, params: Sequence[tuple[str, str]], told: Mapping[str, object]
    ) -> httpx.Request:
        """Return what the client would send.

        It would read the address three times, and look for redirects, cookies and mounts: 0.13 ms
        of the 0.7 that a page of one task costs.
        """
        return httpx.Request(
            "GET",
            f"{self._base_url}{path}?{urlencode(params)}",
            headers=self._http.headers,
            extensions={**told, "timeout": self._timeout},
        )

    async def login(self) -> None:
        """Have a usable token, or say why not; asks for one unless there is one."""
        async with answering(self._account.alias, deadline_s=self._bounds.deadline_s):
            await self._tokens.current()

    async def aclose(self) -> None:
        """End what still runs and close the connections."""
        await self._gate.aclose()
        await self._tokens.aclose()
        await self._http.aclose()

    def _new_gate(self) -> Gate:
        return Gate(
            Pace(
                rate=self._bounds.rate,
                concurrency=self._bounds.concurrency,
                monotonic=self._monotonic,
                rand=self._clockwork.rand,
            ),
            account=self._account.alias,
            queue_s=self._bounds.deadline_s * QUEUED_PART,
            barred=self._barred,
            monotonic=self._monotonic,
            sleep=self._clockwork.sleep,
            listen=self._listen,
        )

    def _barred(self) -> UpstreamError | None:
        """Say why a call would be refused before it is made, so that none waits for that."""
        return self._breaker.refusal("api") or self._tokens.refusal()

    def _new_breaker(self, pool: httpx.AsyncBaseTransport) -> Breaker:
        attempts = Attempts(
            pool,
            account=self._account.alias,
            body_max_bytes=self._bounds.body_max_bytes,
            monotonic=self._monotonic,
            listen=self._listen,
        )
        return Breaker(
            attempts,
            account=self._account.alias,
            monotonic=self._monotonic,
            listen=self._listen,
            shut=self._gate.clear,
        )

    def _new_retrying(self) -> Retrying:
        return Retrying(
            Obedience(self._breaker, gate=self._gate, clock=self._clockwork.clock),
            account=self._account.alias,
            budget=RetryBudget(monotonic=self._monotonic),
            charge=self._gate.charge,
            monotonic=self._monotonic,
            sleep=self._clockwork.sleep,
            rand=self._clockwork.rand,
            listen=self._listen,
        )

    def _new_tokens(self) -> Tokens:
        endpoint = TokenEndpoint(
            self._http,
            self._account,
            deadline_s=self._bounds.deadline_s,
            clock=self._clockwork.clock,
            monotonic=self._monotonic,
        )
        return Tokens(
            endpoint,
            account=self._account.alias,
            monotonic=self._monotonic,
            rand=self._clockwork.rand,
            listen=self._listen,
        )


def _client(
    url: str, bounds: Bounds, transport: httpx.AsyncBaseTransport, version: str
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url,
        transport=transport,
        timeout=httpx.Timeout(
            bounds.timeout_s, connect=CONNECT_S, write=WRITE_S, pool=bounds.deadline_s
        ),
        trust_env=False,
        follow_redirects=False,
        cookies=no_cookies(),
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"Taskgate/{version}",
        },
    )
