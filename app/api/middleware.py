"""What wraps every request, as pure ASGI: its id, its log line and figures, its error net."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.names import is_sane
from app.api.problems import render
from app.api.tracing import lone, trace, trace_id
from app.errors import UriTooLongError
from app.telemetry.metrics import Metrics

TARGET_BYTES_MAX = 8192

_NO_ANSWER = 499  # nginx's word for a request that ended before its answer began
_log = structlog.get_logger()


def install(
    app: FastAPI, *, metrics: Metrics, monotonic: Callable[[], float], fresh_id: Callable[[], str]
) -> None:
    """Wrap `app`, outside in: request id, log line, error net, target limit, HEAD.

    `fresh_id` makes the id of a request that brings none; `monotonic` is in seconds.
    """
    # Starlette puts each middleware outside those added before it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(TargetLimit)
    app.add_middleware(ErrorNet)
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
        sent = next((value for name, value in headers if name == b"x-request-id"), b"")
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


class RequestLine:
    """Writes one line and one set of figures for every request, also for one that was cut off.

    A route tells more in its state: `cache`, the outcome as one word, and `upstream_calls`.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._app = app
        self._metrics = metrics
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]  # read now: HEAD becomes GET below
        status = _NO_ANSWER
        began = self._monotonic()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._record(scope, method, status, self._monotonic() - began)

    def _record(self, scope: Scope, method: str, status: int, seconds: float) -> None:
        route, state = route_template(scope), scope["state"]
        cache: str = state.get("cache", "none")
        self._metrics.request_served(
            route=route, method=method, status=status, cache=cache, seconds=seconds
        )
        facts = {
            "method": method[:16],
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "cache": cache,
            "request_id": state["request_id"],
            "trace_id": trace_id(state["traceparent"]),
        }
        facts |= {name: state[name] for name in ("upstream_calls", "problem") if name in state}
        if "caller" in state:
            facts["consumer"] = state["caller"].consumer.name
        if "trail" in state:
            state["trail"].facts = facts
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.warning("request_served", **facts)
        else:
            _log.info("request_served", **facts)


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


def route_template(scope: Scope) -> str:
    """Return the path template of the route that was chosen, `unmatched` when there is none.

    Of a request that was refused before, say for want of a key, it is the route that it was for.
    """
    # A route of an included router has its prefix only in FastAPI's context of it.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route or _meant(scope), "path_format", "unmatched")


def _meant(scope: Scope) -> RouteContext | None:
    """Return the first route at the path, as the router would have chosen it."""
    routes = iter_route_contexts(scope["app"].routes)
    return next((each for each in routes if each.path_regex.match(scope["path"])), None)
