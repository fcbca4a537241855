"""The OpenAPI document: FastAPI's routes, msgspec's schemas, the table of errors."""

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api import document_headers, operations, specimens
from app.api.failures import ANYWHERE, leaves
from app.api.problems import MEDIA_TYPE, Problem
from app.domain.activity import Activity
from app.domain.task import Task
from app.errors import ServiceError
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
    return found | _failures([*failures, *ANYWHERE])


def request_body(body: type[msgspec.Struct], *, example: dict[str, Any]) -> dict[str, Any]:
    """Describe the JSON that a route reads."""
    content = {"application/json": {"schema": _ref(body), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


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
    operations.finish(document, app.routes, anywhere=_failures(ANYWHERE))
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
