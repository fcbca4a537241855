"""Which pages may read answers: cross-origin requests, after the Fetch standard."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EXPOSED = (
    b"Age, Cache-Status, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, "
    b"X-Request-Id, traceparent"
)
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD"),
    (
        b"access-control-allow-headers",
        (
            b"Authorization, Cache-Control, If-None-Match, X-API-Key, X-Request-Id, "
            b"X-Request-Timeout-Ms, traceparent"
        ),
    ),
    (b"access-control-max-age", b"600"),
]


class Cors:
    """Lets pages of exactly these `origins` read answers; credentials of a browser never count.

    A preflight is answered here, before anybody must log in. Another origin's gets no permission,
    which is all that a browser asks.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        allowed = [(b"access-control-allow-origin", origin)] if origin in self._origins else []
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer_preflight(send, allowed)
            return
        if allowed:
            allowed.append((b"access-control-expose-headers", _EXPOSED))

        async def send_with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_varying(message["headers"]), *allowed]
            await send(message)

        await self._app(scope, receive, send_with_permission)


async def _answer_preflight(send: Send, allowed: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"vary", b"Origin"), *allowed, *(_PREFLIGHT if allowed else [])]
    status = HTTPStatus.NO_CONTENT
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _varying(headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Say that the answer depends on `Origin`, where it does not say so itself."""
    if any(name == b"vary" and b"origin" in value.lower() for name, value in headers):
        return list(headers)
    return [*headers, (b"vary", b"Origin")]
