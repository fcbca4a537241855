"""One token per account: ahead of its expiry, and one request at a time."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Protocol

from app.errors import UpstreamAuthFailedError, UpstreamError
from app.platform.events import Listen, TokenRefreshed, TokenRefreshFailed
from app.platform.grant import Grant

# A token is renewed behind from a point drawn between these parts of its life, so that
# replicas started together don't renew together.
RENEW_FROM, RENEW_TO = 0.80, 0.88
# It is not sent in its last two minutes, nor with a retry that would fall into them: what the
# platform's clock says may differ, and a call takes its time. Of a short life it is the last tenth.
MARGIN_S, MARGIN_PART = 120.0, 0.10
# A platform that refuses even a fresh token would cost one for every call: a token that replaced a
# refused one is not replaced for the same reason within this time.
REPLACED_AGAIN_S = 5.0
# Wait after a request that failed, doubling; longer when the endpoint says so.
BACKOFF_S, BACKOFF_MAX_S = 1.0, 60.0


class Waiting(Protocol):
    """A call that will be made, unless it is cancelled."""

    def cancel(self) -> None:
        """Take it back."""


Later = Callable[[float, Callable[[], None]], Waiting]


def later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    """Make `call` after so many seconds, on nobody's behalf."""
    # A context of its own: that of the request which had the last token lives no longer than it.
    return asyncio.get_running_loop().call_later(seconds, call, context=Context())


class Endpoint(Protocol):
    """Where tokens come from."""

    async def ask(self) -> Grant:
        """Fetch a grant, by a deadline of its own; raises UpstreamError."""

    def rotated(self) -> bool:
        """Whether there is a secret other than the one that was sent last."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token in use; times are on the monotonic clock, generations count from 1."""

    bearer: str = field(repr=False)
    generation: int
    renew_at: float
    unusable_at: float


class Tokens:
    """Keeps the token of one account.

    Requests for a token run in a task of their own: all who need one wait for the same, and
    one who leaves takes nothing from the others. A renewal comes by a timer, or by the first use
    after its time; one token that nobody used is let go, so an idle service asks for nothing.

    A request that failed is not repeated by the next caller: until the back-off ends, all are told
    of the same failure. A new secret ends the back-off of one that was refused.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        account: str,
        monotonic: Callable[[], float],
        rand: Callable[[], float],
        listen: Listen,
        later: Later = later,
    ) -> None:
        self._endpoint = endpoint
        self._account = account
        self._monotonic = monotonic
        self._rand = rand
        self._listen = listen
        self._later = later
        self._timer: Waiting | None = None
        self._used = False
        self._held: Token | None = None
        self._generation = 0
        self._renewal: asyncio.Task[Token] | None = None
        self._backoff_s = BACKOFF_S
        self._ask_not_before = 0.0
        self._replace_not_before = 0.0
        self._failure: UpstreamError | None = None

    async def current(self) -> Token:
        """Return a token that is not about to expire; start its renewal behind when due.

        Raises:
            UpstreamError: there is none, and none could be had.
        """
        now = self._monotonic()
        held = self._held
        if held is not None and now < held.unusable_at:
            self._used = True
            if now >= max(held.renew_at, self._ask_not_before):
                _ = self._renewing()  # behind: nobody awaits it
            return held
        if refusal := self.refusal():
            raise refusal
        token = await asyncio.shield(self._renewing())
        self._used = True
        return token

    def refusal(self) -> UpstreamError | None:
        """Return what `current` would raise at once; asking starts nothing."""
        held = self._held
        if held is not None and self._monotonic() < held.unusable_at:
            return None
        if self._renewal is None and self._failure is not None and self._backs_off(self._failure):
            return self._told(self._failure)
        return None

    async def instead_of(self, refused: Token) -> Token:
        """Return a token younger than one that the platform refused, or that one for lack of any.

        However many calls were refused with one generation, the first of them drops it and
        the others find its successor or the request for it (P§2.2: a 401 may come early).

        Raises:
            UpstreamError: as `current`.
        """
        if self._held is refused:
            if self.just_replaced:
                return refused
            self._replace_not_before = self._monotonic() + REPLACED_AGAIN_S
            self._held = None
        return await self.current()

    @property
    def just_replaced(self) -> bool:
        """Whether a refusal now is not the token's fault: the last one was replaced for one."""
        return self._monotonic() < self._replace_not_before

    def _backs_off(self, failure: UpstreamError) -> bool:
        if isinstance(failure, UpstreamAuthFailedError) and self._endpoint.rotated():
            return False
        return self._monotonic() < self._ask_not_before

    def _told(self, failure: UpstreamError) -> UpstreamError:
        # Anew for each: an exception collects the frames of everyone who raises it.
        return type(failure)(
            failure.detail,
            retry_after_s=self._ask_not_before - self._monotonic(),
            account=failure.account,
            upstream=failure.upstream,
        )

    def _renewing(self) -> "asyncio.Task[Token]":
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew(), name=f"token {self._account}")
            self._renewal.add_done_callback(_retrieve)
        return self._renewal

    async def _renew(self) -> Token:
        # A life is counted from before the question, so that a slow answer can't stretch it.
        begun = self._monotonic()
        try:
            grant = await self._endpoint.ask()
        except UpstreamError as error:
            self._back_off(error)
            raise self._told(error) from error
        finally:
            self._renewal = None
        return self._hold(grant, begun)

    def _back_off(self, error: UpstreamError) -> None:
        wait_s = max(self._backoff_s, error.retry_after_s or 0.0)
        self._ask_not_before = self._monotonic() + wait_s
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)
        self._failure = self._told(error)
        self._renew_after(wait_s)
        self._listen(TokenRefreshFailed(self._account, error.slug))

    def _hold(self, grant: Grant, begun: float) -> Token:
        self._generation += 1
        self._backoff_s, self._ask_not_before, self._failure = BACKOFF_S, 0.0, None
        life_s = grant.lifetime_s
        renew_at = begun + life_s * (RENEW_FROM + (RENEW_TO - RENEW_FROM) * self._rand())
        self._held = Token(
            grant.bearer,
            self._generation,
            renew_at=renew_at,
            unusable_at=begun + life_s - min(MARGIN_S, life_s * MARGIN_PART),
        )
        self._used = False
        self._renew_after(renew_at - self._monotonic())
        self._listen(TokenRefreshed(self._account, self._generation, life_s))
        return self._held

    def _renew_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._later(seconds, self._renew_if_used)

    def _renew_if_used(self) -> None:
        self._timer = None
        held = self._held
        # Without a token that serves the next use asks at once, and has to be told of a failure.
        if self._used and held is not None and self._monotonic() < held.unusable_at:
            _ = self._renewing()

    async def aclose(self) -> None:
        """End a renewal that still runs; who waits for it is cancelled with it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
            self._renewal = None


def _retrieve(renewal: "asyncio.Task[Token]") -> None:
    # A failure behind was told to the listener; asyncio need not say that nobody fetched it.
    if not renewal.cancelled():
        renewal.exception()
