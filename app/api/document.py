"""The OpenAPI document: FastAPI's routes, msgspec's schemas, the domain's table of parameters."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, Problem
from app.domain.parameters import PARAMETERS, Parameter
from app.domain.task import Task
from app.errors import (
    ContentTooLargeError,
    HeadersTooLargeError,
    InternalError,
    OverloadedError,
    RateLimitedError,
    RequestError,
    ScopeDeniedError,
    ServiceError,
    UnauthenticatedError,
    UpstreamError,
    UriTooLongError,
)
from app.service.accounts import AccountList
from app.service.encode import TaskList

DESCRIPTION = """\
Taskgate holds the credentials of one or more Acronis accounts, asks the platform for tasks once
however many callers ask, and answers with normalized tasks. **A failure of the platform never
looks like an empty, healthy answer.**

* **Lists** have `items`, `page` and `meta`; every documented key is always there, `null` when
  unknown. Ids are strings, times RFC 3339 in UTC, durations milliseconds.
* **Walks** follow `page.next` until it is `null`; cursors are opaque.
* **Freshness**: `meta.data_as_of` says when the platform was asked; `Age`, `Cache-Control`, `ETag`
  and `Cache-Status` say how the answer was kept.
* **Errors** are `application/problem+json` (RFC 9457); each kind has a page below
  [/problems](/problems).
"""
_TAGS = (
    {"name": "tasks", "description": "Backups, scans, restores, plan changes: what became of them"},
    {"name": "accounts", "description": "Where the tasks come from"},
    {"name": "operation", "description": "Probes and figures"},
)
_BODIES: tuple[type[msgspec.Struct], ...] = (TaskList, Task, AccountList, Problem)
_REF = "#/components/schemas/{name}"
_HEADERS = {
    "Age": "Seconds since the answer was made.",
    "Cache-Control": "How long it stays fresh.",
    "Cache-Status": "How it came: `hit`, or `fwd=miss`, `collapsed` with others (RFC 9211).",
    "ETag": "Send it as `If-None-Match`; an unchanged answer is 304.",
    "X-Request-Id": "Yours when you sent a sane one; it stands in our log.",
}


def parameters() -> list[dict[str, Any]]:
    """Describe the parameters of a list."""
    return [_parameter(parameter) for parameter in PARAMETERS.values()]


def answers(
    body: type[msgspec.Struct],
    *,
    description: str,
    failures: Sequence[type[ServiceError]],
    kept: bool = True,
) -> dict[int | str, dict[str, Any]]:
    """Describe what a route answers: `body`, or any of `failures`; `kept` means it has an ETag."""
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "description": description,
            "headers": headers if kept else {"X-Request-Id": headers["X-Request-Id"]},
            "content": {"application/json": {"schema": _ref(body)}},
        }
    }
    if kept:
        found[304] = {"description": "You hold this answer already.", "headers": headers}
    return found | _failures([*failures, *_ANYWHERE])


def leaves(kind: type[ServiceError]) -> list[type[ServiceError]]:
    """Return the classes below `kind` that have a slug of their own."""
    return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]


REFUSALS = [kind for kind in leaves(RequestError) if kind.status == HTTPStatus.BAD_REQUEST]
OUTAGES = leaves(UpstreamError)
_ANYWHERE: tuple[type[ServiceError], ...] = (
    UnauthenticatedError,
    ScopeDeniedError,
    ContentTooLargeError,
    UriTooLongError,
    RateLimitedError,
    HeadersTooLargeError,
    OverloadedError,
    InternalError,
)


def install(app: FastAPI) -> None:
    """Make `app.openapi()` return the whole document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="Tasks of Acronis Cyber Protect Cloud: cached, normalized, honest about failure.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=list(_TAGS),
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            # Mistakes in parameters are our 400; FastAPI documents a 422 that never comes.
            operation["responses"].pop("422", None)
    _, components = msgspec.json.schema_components(_BODIES, ref_template=_REF)
    document["components"] = {"schemas": components}
    return document


def _failures(kinds: Iterable[type[ServiceError]]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int, list[type[ServiceError]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {
        status: {
            "description": "; ".join(f"`{kind.slug}`: {kind.title}" for kind in same) + ".",
            "content": {MEDIA_TYPE: {"schema": _ref(Problem)}},
        }
        for status, same in sorted(by_status.items())
    }


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    documented: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.about,
        "schema": {"type": "array", "items": schema} if parameter.many else schema,
    }
    if parameter.example:
        schema["examples"] = [parameter.example]
    return documented
