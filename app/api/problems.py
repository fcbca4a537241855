"""Failures as RFC 9457 problem documents, whoever raised them."""

import difflib
import math
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.errors import (
    InternalError,
    InvalidParameterError,
    InvalidValueError,
    MethodNotAllowedError,
    ParameterFault,
    RequestError,
    RouteNotFoundError,
    ServiceError,
    UnauthenticatedError,
    UpstreamFacts,
)

MEDIA_TYPE = "application/problem+json"

_INSTANCE_CHARACTERS_MAX = 1024
_log = structlog.get_logger()


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, after RFC 9457; members that are not known are left out.

    `type` is the address of a page that explains the problem, `instance` the path that was asked
    for, without its query; `retry_after_s` is in whole seconds.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retry_after_s: int | None = None
    account: str | None = None
    upstream: UpstreamFacts | None = None
    errors: tuple[ParameterFault, ...] = ()


def problem_response(
    error: ServiceError,
    *,
    instance: str,
    request_id: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render `error`; `headers` are added and win, also over `Cache-Control: no-store`."""
    retry_after_s = None if error.retry_after_s is None else math.ceil(error.retry_after_s)
    problem = Problem(
        type=f"/problems/{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=instance,
        code=error.slug,
        request_id=request_id,
        retry_after_s=retry_after_s,
        account=error.account,
        upstream=error.upstream,
        errors=error.faults if isinstance(error, RequestError) else (),
    )
    known = {"Cache-Control": "no-store"}
    if retry_after_s is not None:
        known["Retry-After"] = str(retry_after_s)
    if isinstance(error, MethodNotAllowedError):
        known["Allow"] = error.allow
    if isinstance(error, UnauthenticatedError):
        # RFC 6750 section 3.1: a request without credentials is told of no error.
        refused = ', error="invalid_token"' if error.refused else ""
        known["WWW-Authenticate"] = f'Bearer realm="taskgate"{refused}'
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status,
        headers=known | dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def render(error: Exception, scope: Scope) -> Response:
    """Render any failure of the request in `scope`; one without a name is logged, not told.

    Leaves the slug in the request's state as `problem`, for the log line.
    """
    request_id: str = scope["state"]["request_id"]
    if not isinstance(error, ServiceError):
        _log.error("request_crashed", request_id=request_id, exc_info=error)
        error = InternalError("Something broke here; it was logged under this request id.")
    scope["state"]["problem"] = error.slug
    raw_path = scope.get("raw_path") or scope["path"].encode()
    instance = quote(raw_path[:_INSTANCE_CHARACTERS_MAX], safe="/%:@!$&'()*+,;=~")
    return problem_response(error, instance=instance, request_id=request_id)


def install(app: FastAPI) -> None:
    """Make `app` answer every failure inside its router with a problem document."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        ServiceError: _service_error,
        HTTPException: _router_error,
        RequestValidationError: _validation_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _service_error(request: Request, error: Exception) -> Response:
    return render(error, request.scope)


async def _router_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 0
    path: str = request.scope["path"]
    if status == 404:  # noqa: PLR2004  # the router's own word for it
        error = _route_not_found(path, request.app)
    elif status == 405:  # noqa: PLR2004
        error = _method_not_allowed(request.method, path, request.app)
    elif 400 <= status < 500:  # noqa: PLR2004
        error = InvalidParameterError("The request can't be read.")
    return render(error, request.scope)


async def _validation_error(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [
        ParameterFault(parameter=".".join(map(str, each["loc"][1:])), detail=each["msg"])
        for each in found
    ]
    return render(InvalidValueError("A value is not allowed.", faults=faults), request.scope)


def _route_not_found(path: str, app: FastAPI) -> RouteNotFoundError:
    known = [_filled(route.path_format or "", path) for route in iter_route_contexts(app.routes)]
    nearest = difflib.get_close_matches(path, known, n=1, cutoff=0.8)
    fault = ParameterFault(
        parameter="path",
        detail="No route has this path.",
        did_you_mean=nearest[0] if nearest else None,
    )
    return RouteNotFoundError("Nothing is served at this path.", faults=[fault])


def _filled(template: str, path: str) -> str:
    """Put the segments of `path` where `template` has a parameter, so that the rest compares."""
    theirs, ours = path.split("/"), template.split("/")
    if len(theirs) != len(ours):
        return template
    pairs = zip(theirs, ours, strict=True)
    return "/".join(their if their and our.startswith("{") else our for their, our in pairs)


def _method_not_allowed(method: str, path: str, app: FastAPI) -> MethodNotAllowedError:
    """List the methods of all routes at `path`: the router itself looks at the first alone."""
    methods: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if _matches(route, path):
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    allow = ", ".join(sorted(methods))
    return MethodNotAllowedError(f"This path takes {allow}, not {method}.", allow=allow)


def _matches(route: RouteContext, path: str) -> bool:
    return route.path_regex.match(path) is not None
