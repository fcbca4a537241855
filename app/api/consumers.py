"""Who is calling: a key or a token → the consumer, before anything else is looked at."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.credentials import CARRIERS, Credential, Headers, presented
from app.api.edge import LATE_HEADERS, REQUESTS_MAX
from app.api.jwt import TokenVerifier
from app.api.limits import FailureLimiter, Limiter
from app.api.roster import Roster
from app.errors import OverloadedError, ScopeDeniedError, UnauthenticatedError
from app.service.scope import Caller, Consumer

CONSUMER_REQUESTS_MAX = REQUESTS_MAX // 4

# Everything else is for consumers, also what does not exist (yet).
_PUBLIC = frozenset(
    {"/", "/healthz", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json", "/problems"}
)
_PUBLIC_BELOW = ("/static/", "/problems/")
_JWT_DOTS = 2


def is_public(path: str) -> bool:
    """Say whether a path is answered to everybody: probes, figures, documentation."""
    return path in _PUBLIC or path.startswith(_PUBLIC_BELOW)


class Guard:
    """Tells who is calling, by key or, with `tokens`, by a token."""

    def __init__(self, roster: Roster, tokens: TokenVerifier | None) -> None:
        self._roster = roster
        self._tokens = tokens

    def recall(self, headers: Headers) -> Consumer | None:
        """Return the consumer when that takes no waiting: by any key, or a token seen before.

        Raises:
            UnauthenticatedError: there is no credential to go by.
        """
        sent = [field for field in headers if field[0] in CARRIERS]
        if len(sent) == 1:
            # Nearly every caller: the very header that was understood before.
            known = self._roster.current().remembered.get(sent[0])
            if known is not None:
                return known
        return self._recall(presented(sent), sent)

    def known(self, headers: Sequence[tuple[bytes, bytes]]) -> Consumer | None:
        """Return what `recall` returns, and None to whom it refuses."""
        if len(headers) == 1:
            known = self._roster.current().remembered.get(headers[0])
            if known is not None:
                return known
        try:
            return self.recall(headers)
        except UnauthenticatedError:
            return None

    async def identify(self, headers: Headers) -> Consumer:
        """Return the consumer.

        Raises:
            UnauthenticatedError: nobody is known by what was presented.
            UpstreamUnavailableError: the token issuer's keys could not be had yet.
        """
        credential = presented(headers)
        consumer = self._recall(credential, ())
        if consumer is None and self._tokens and credential.value.count(b".") == _JWT_DOTS:
            name = await self._tokens.verify(credential.value)
            consumer = self._roster.current().by_name.get(name)
        if consumer is None:
            raise UnauthenticatedError("The key or token is not known.", refused=True)
        return consumer

    def _recall(
        self, credential: Credential, sent: Sequence[tuple[bytes, bytes]]
    ) -> Consumer | None:
        consumers = self._roster.current()
        consumer = consumers.by_key(credential.value)
        if consumer is not None and len(sent) == 1:
            consumers.remember(sent[0], consumer)
        if consumer is None and self._tokens is not None:
            name = self._tokens.recall(credential.value)
            consumer = None if name is None else consumers.by_name.get(name)
        return consumer


class Authentication:
    """Lets consumers in and refuses everybody else; `caller` then stands in the request's state.

    Failures are counted by address and, past a bound, refused as 429; valid credentials never are.
    One consumer has at most `most` requests here at a time, more is 503: waiting with others for
    one answer is free, and must not take all the places there are.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        limiter: Limiter,
        failures: FailureLimiter,
        refused: Callable[[bool], None],
        most: int = CONSUMER_REQUESTS_MAX,
    ) -> None:
        self._app = app
        self._guard = guard
        self._limiter = limiter
        self._failures = failures
        self._refused = refused
        self._most = most
        self._running = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http" or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        try:
            consumer = self._guard.recall(headers) or await self._guard.identify(headers)
        except UnauthenticatedError as error:
            self._refused(error.refused)
            client = scope.get("client")
            self._failures.fail(client[0] if client else "")
            raise
        scope["state"]["caller"] = Caller(consumer, self._limiter.take)
        # When the answer leaves: what it cost is known only then.
        scope[LATE_HEADERS].append(partial(self._limiter.headers, consumer))
        if self._running[consumer.name] >= self._most:
            raise OverloadedError("Too many of your requests are running here.", retry_after_s=1)
        self._running[consumer.name] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running[consumer.name] -= 1


def _free(_: Consumer) -> None:
    """Take nothing."""


class Everybody:
    """Lets everybody in as one and the same consumer: authentication is off."""

    def __init__(self, app: ASGIApp, *, consumer: Consumer) -> None:
        self._app = app
        self._consumer = consumer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            scope["state"]["caller"] = Caller(self._consumer, _free)
        await self._app(scope, receive, send)


def refuse_others(consumer: Consumer) -> None:
    """Let admins through.

    Raises:
        ScopeDeniedError: `consumer` is none.
    """
    if not consumer.admin:
        raise ScopeDeniedError("This is for admin consumers only.")
