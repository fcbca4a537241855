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

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import httpx

from app.errors import UpstreamError
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How an account is asked; times in seconds.

    `deadline_s` bounds an answer as a whole: queueing, waiting for a token, attempts, the waits
    between them, and the body; `timeout_s` bounds the platform's silence. `rate` is calls per
    second, `concurrency` calls at once, `body_max_bytes` the longest body that is read.
    """

    timeout_s: float = 60.0
    deadline_s: float = 90.0
    concurrency: int = 8
    rate: float = 20.0
    body_max_bytes: int = 67_108_864
    ca_file: Path | None = None
    proxy: str | None = None


class Stack:
    """Asks one account, politely; see the module for what a call passes.

    `whose` says, at the time of a call, which consumer it is for.
    """

    def __init__(
        self,
        bounds: Bounds,
        *,
        account: str,
        url: str,
        client_id: str,
        secret: Callable[[], str],
        tenant: str | None,
        transport: httpx.AsyncBaseTransport | None,
        whose: Callable[[], Share],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rand: Callable[[], float],
        listen: Listen,
        version: str,
    ) -> None:
        self._account = account
        self._deadline_s = bounds.deadline_s
        self._whose = whose
        self._monotonic = monotonic
        self._gate = Gate(
            Pace(rate=bounds.rate, concurrency=bounds.concurrency, monotonic=monotonic, rand=rand),
            account=account,
            queue_s=bounds.deadline_s * QUEUED_PART,
            barred=self._barred,
            monotonic=monotonic,
            sleep=sleep,
            listen=listen,
        )
        attempts = Attempts(
            transport
            or open_pool(
                concurrency=bounds.concurrency, ca_file=bounds.ca_file, proxy=bounds.proxy
            ),
            account=account,
            body_max_bytes=bounds.body_max_bytes,
            monotonic=monotonic,
            listen=listen,
        )
        self._breaker = Breaker(
            attempts,
            account=account,
            monotonic=monotonic,
            listen=listen,
            shut=self._gate.clear,
        )
        retrying = Retrying(
            Obedience(self._breaker, gate=self._gate, clock=clock),
            account=account,
            budget=RetryBudget(monotonic=monotonic),
            charge=self._gate.charge,
            monotonic=monotonic,
            sleep=sleep,
            rand=rand,
            listen=listen,
        )
        self._http = httpx.AsyncClient(
            base_url=url,
            transport=retrying,
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
        endpoint = TokenEndpoint(
            self._http,
            account=account,
            client_id=client_id,
            secret=secret,
            tenant=tenant,
            deadline_s=bounds.deadline_s,
            clock=clock,
            monotonic=monotonic,
        )
        self._tokens = Tokens(
            endpoint, account=account, monotonic=monotonic, rand=rand, listen=listen
        )
        self._line = TokenAuth(retrying, self._tokens)
        self._timeout = self._http.timeout.as_dict()
        self._base_url = str(self._http.base_url).rstrip("/")

    @property
    def overloaded(self) -> bool:
        """Whether as many calls wait for their turn as may."""
        return self._gate.full

    def deadline(self) -> float:
        """Return when an answer begun now must be there, on the monotonic clock."""
        return self._monotonic() + self._deadline_s

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
            answering(self._account, deadline_s=deadline - self._monotonic()),
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

    def _barred(self) -> UpstreamError | None:
        """Say why a call would be refused before it is made, so that none waits for that."""
        return self._breaker.refusal("api") or self._tokens.refusal()

    async def login(self) -> None:
        """Have a usable token, or say why not; asks for one unless there is one."""
        async with answering(self._account, deadline_s=self._deadline_s):
            await self._tokens.current()

    async def aclose(self) -> None:
        """End what still runs and close the connections."""
        await self._gate.aclose()
        await self._tokens.aclose()
        await self._http.aclose()
