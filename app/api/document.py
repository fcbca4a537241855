"""The OpenAPI document: FastAPI's routes, msgspec's schemas, the domain's table of parameters."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from importlib import resources
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api import document_headers, operations, specimens
from app.api.middleware import TARGET_BYTES_MAX
from app.api.problems import MEDIA_TYPE, Problem
from app.domain.activity import Activity
from app.domain.parameter import Parameter
from app.domain.parameters import Table
from app.domain.query import IDS_MAX
from app.domain.task import Task
from app.errors import (
    ContentTooLargeError,
    HeadersTooLargeError,
    InternalError,
    NotCachedError,
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
from app.service.admin import Explanation, Purge, Purged
from app.service.envelope import ActivityList, TaskList

_TAGS = (
    {"name": "tasks", "description": "Backups, scans, restores, plan changes: what became of them"},
    {"name": "activities", "description": "The steps of tasks"},
    {"name": "accounts", "description": "Where the tasks come from"},
    {"name": "admin", "description": "What is kept, and why; for admin consumers alone"},
    {"name": "operation", "description": "Probes and figures; no key is asked for"},
)
_KEYS = (
    "An installation with `TASKGATE_AUTH=off`, as the sandbox is unless told otherwise, asks for "
    "none."
)
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": f"The consumer's key in `Authorization: Bearer <key>`. {_KEYS}",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": f"The same key in a header of its own. {_KEYS}",
    },
}
_BODIES: tuple[type[msgspec.Struct], ...] = (
    TaskList,
    Task,
    ActivityList,
    Activity,
    AccountList,
    Explanation,
    Purge,
    Purged,
    Problem,
)
_REF = "#/components/schemas/{name}"
# Each value of a repeated parameter takes four bytes of the target or more, such as `&a=b`.
_VALUES_MAX = TARGET_BYTES_MAX // 4
# One or more values between commas, none empty; `\,` is a comma inside a value.
_LISTED = r"^(?:[^,\\]|\\,|\\(?!,))+(?:,(?:[^,\\]|\\,|\\(?!,))+)*$"


def parameters(*tables: Table) -> list[dict[str, Any]]:
    """Describe the parameters of a route."""
    return [_parameter(each) for table in tables for each in table.by_name.values()]


def answers(
    body: type[msgspec.Struct],
    *,
    description: str,
    failures: Sequence[type[ServiceError]],
    kept: bool = True,
) -> dict[int | str, dict[str, Any]]:
    """Describe what a route answers: `body`, or any of `failures`; `kept` means it has an ETag."""
    # A page leads to the next, a task to the steps that it has no room for.
    linked = not {"page", "activities"}.isdisjoint(body.__struct_fields__)
    headers = document_headers.of_answer(kept=kept, linked=linked)
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "description": description,
            "headers": headers,
            "content": {"application/json": {"schema": _ref(body)}},
        }
    }
    if kept:
        found[304] = {"description": "You hold this answer already.", "headers": headers}
    return found | _failures([*failures, *_ANYWHERE])


def request_body(body: type[msgspec.Struct], *, example: dict[str, Any]) -> dict[str, Any]:
    """Describe the JSON that a route reads."""
    content = {"application/json": {"schema": _ref(body), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def leaves(kind: type[ServiceError]) -> list[type[ServiceError]]:
    """Return the classes below `kind` that have a slug of their own."""
    return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]


REFUSALS = [kind for kind in leaves(RequestError) if kind.status == HTTPStatus.BAD_REQUEST]
OUTAGES = [*leaves(UpstreamError), NotCachedError]
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
        description=(resources.files("app.api") / "description.md").read_text(encoding="utf-8"),
        routes=app.routes,
        tags=list(_TAGS),
        servers=[{"url": "/", "description": "This installation", "x-internal": True}],
        contact={"name": "Whoever operates this installation"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    _, schemas = msgspec.json.schema_components(_BODIES, ref_template=_REF)
    document["components"] = {
        "schemas": schemas,
        "examples": specimens.of_problems(leaves(ServiceError)),
        "headers": document_headers.components(),
        "securitySchemes": _SCHEMES,
    }
    document["security"] = [{name: []} for name in _SCHEMES]
    operations.finish(document, app.routes, anywhere=_failures(_ANYWHERE))
    return document


def _failures(kinds: Iterable[type[ServiceError]]) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int, list[type[ServiceError]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {
        status: {
            "description": "; ".join(f"`{kind.slug}`: {kind.title}" for kind in same) + ".",
            "headers": document_headers.of_failures(same),
            "content": {
                MEDIA_TYPE: {
                    "schema": _ref(Problem),
                    "examples": {kind.slug: specimens.reference(kind) for kind in same},
                }
            },
        }
        for status, same in sorted(by_status.items())
    }


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    about = parameter.about
    # Swagger sends every `default` along, and beside a cursor it contradicts it.
    if (default := schema.pop("default", None)) is not None:
        about = f"{about} When absent: `{_written(default)}`."
    # In the schema: an example beside it would be filled in by *Try it out*, for every parameter.
    if parameter.example:
        schema["examples"] = [_read_as(schema.get("type"), parameter.example)]
    documented: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "description": about,
        "schema": schema,
    }
    if parameter.many:
        if "enum" not in schema:
            schema["pattern"] = _listed(schema.get("pattern"))
        most = IDS_MAX if parameter.name == "id" else _VALUES_MAX
        documented["schema"] = {"type": "array", "items": schema, "maxItems": most}
        documented |= {"style": "form", "explode": True}
    return documented


def _read_as(kind: str | None, example: str) -> Any:
    """Return an example as the JSON value that a schema of this type allows."""
    return msgspec.json.decode(example) if kind in {"boolean", "integer"} else example


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _listed(one: str | None) -> str:
    """Return the pattern of several values between commas, each of which is like `one`."""
    if one is None:
        return _LISTED
    one = f"(?:{one.removeprefix('^').removesuffix('$')})"
    return f"^{one}(?:,{one})*$"
