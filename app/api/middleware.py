"""What wraps every request, as pure ASGI: its id, its log line, its error net, its limits."""

from collections.abc import Callable, Collection

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.cors import Cors
from app.api.names import BLANKS, is_sane
from app.api.problems import render
from app.api.request_line import RequestLine
from app.api.tracing import lone, trace
from app.errors import UriTooLongError
from app.telemetry.metrics import Metrics

TARGET_BYTES_MAX = 8192


def install(
    app: FastAPI,
    *,
    metrics: Metrics,
    monotonic: Callable[[], float],
    fresh_id: Callable[[], str],
    origins: Collection[str] | None = None,
) -> None:
    """Wrap `app`, outside in: request id, log line, origins, error net, target limit, HEAD.

    `fresh_id` makes the id of a request that brings none; `monotonic` is in seconds. Pages of
    `origins` may read answers; their preflights have a line, too.
    """
    # Starlette puts each middleware outside those added before it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(TargetLimit)
    app.add_middleware(ErrorNet)
    if origins:
        app.add_middleware(Cors, origins=origins)
    app.add_middleware(RequestLine, metrics=metrics, monotonic=monotonic)
    app.add_middleware(RequestId, fresh_id=fresh_id)


class RequestId:
    """Gives every request an id and a trace: the caller's when they are sane, else fresh ones.

    They stand in the request's state as `request_id` and `traceparent`, and in the answer as
    `X-Request-Id` and `traceparent`. The scope is copied here once, so that the layers below may
    write to it.
    """

    def __init__(self, app: ASGIApp, *, fresh_id: Callable[[], str]) -> None:
        self._app = app
        self._fresh_id = fresh_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        sent = next((value for name, value in headers if name == b"x-request-id"), b"").strip(
            BLANKS
        )
        request_id = sent.decode("ascii") if is_sane(sent) else self._fresh_id()
        traceparent = trace(lone([value for name, value in headers if name == b"traceparent"]))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered["x-request-id"] = request_id
                answered.append("traceparent", traceparent)
            await send(message)

        state = {
            **scope.get("state", {}),
            "request_id": request_id,
            "traceparent": traceparent,
        }
        await self._app({**scope, "state": state}, receive, send_with_id)


class ErrorNet:
    """Answers what nothing inside could answer; when the answer has begun, logs and ends it short.

    The server closes a connection whose answer was not completed, so nobody takes it for whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return  # while a body was read; nobody is there to be answered, nor is it our failure
        except Exception as error:  # noqa: BLE001  # the outermost net: it is logged and answered
            response = render(error, scope)
            if not started:
                await response(scope, receive, send)


class TargetLimit:
    """Refuses a request target over 8 KiB (414); path and query count, as they were sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            path = scope.get("raw_path") or scope["path"].encode()
            if len(path) + len(scope["query_string"]) >= TARGET_BYTES_MAX:
                raise UriTooLongError("The request target is over 8 KiB.")
        await self._app(scope, receive, send)


class HeadAsGet:
    """Answers HEAD as GET without the body; the headers, `Content-Length` included, are equal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        scope["method"] = "GET"  # in place: the layers above read the route from this scope
        await self._app(scope, receive, send_without_body)
