"""The one log line of a request, and its figures."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.tracing import trace_id
from app.telemetry.metrics import Metrics

_NO_ANSWER = 499  # nginx's word for a request that ended before its answer began
_log = structlog.get_logger()


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
        route, state = _route_template(scope), scope["state"]
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


def _route_template(scope: Scope) -> str:
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
