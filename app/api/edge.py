"""What every request meets first and every answer leaves with: bounds, hosts, headers."""

from collections.abc import Callable, Collection, Iterable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ContentTooLargeError, InvalidParameterError, OverloadedError

BODY_BYTES_MAX = 65_536
REQUESTS_MAX = 2_048

# Asked by address, and when nothing else is answered any more.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

SECURITY: Final = (
    # Answers are data; the pages bring a policy of their own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
LATE_HEADERS = "taskgate.late_headers"
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


class SecurityHeaders:
    """Adds to every answer what tells browsers to be careful with it, unless the route said more.

    Over TLS, ours or a trusted proxy's, browsers are told to stay with it (RFC 6797). A layer
    inside that has headers to add when the answer leaves appends a function that returns them to
    the scope's `LATE_HEADERS`: one that wraps `send` is enough for all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secure = scope.get("scheme") == "https"
        late: list[Callable[[], Iterable[tuple[bytes, bytes]]]] = []
        scope[LATE_HEADERS] = late

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message["headers"])
                there = {name for name, _ in headers}
                headers += [field for field in SECURITY if field[0] not in there]
                for each in late:
                    headers += each()
                if secure:
                    headers.append(HSTS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Hosts:
    """Answers only for these host names, whatever the port; probes come by address and pass."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http" and scope["path"] not in _PROBES:
            asked = [value for name, value in scope["headers"] if name == b"host"]
            if len(asked) != 1 or _without_port(asked[0]) not in self._hosts:
                raise InvalidParameterError("This Host is not served here.")
        await self._app(scope, receive, send)


class FullHouse:
    """Refuses at once what is more than `most` requests at a time; probes are always answered."""

    def __init__(self, app: ASGIApp, *, most: int = REQUESTS_MAX) -> None:
        self._app = app
        self._most = most
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        if self._running >= self._most:
            raise OverloadedError("Too many requests are running here.", retry_after_s=1)
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1


class BodyLimit:
    """Refuses a body over 64 KiB: by its announced length, or as soon as more has come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chunked = False
        for name, value in scope["headers"]:
            # The server has refused a length that is no number, but not one of a thousand digits.
            if name == b"content-length" and int(value.lstrip(b"0")[:9] or b"0") > BODY_BYTES_MAX:
                raise _too_large()
            chunked = chunked or name == b"transfer-encoding"
        await self._app(scope, _counted(receive) if chunked else receive, send)


def _counted(receive: Receive) -> Receive:
    came = 0

    async def receive_and_count() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > BODY_BYTES_MAX:
            raise _too_large()
        return message

    return receive_and_count


def _too_large() -> ContentTooLargeError:
    return ContentTooLargeError("The body is over 64 KiB.")


def _without_port(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text).rstrip(".")
