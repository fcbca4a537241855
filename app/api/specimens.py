"""The examples of the OpenAPI document: answers of the service, kept in `examples.json`."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from app.api.problems import Problem
from app.errors import ServiceError

FILE = "examples.json"


@cache
def _recorded() -> dict[str, dict[str, Any]]:
    """Return `answers` by operation and status, and `problems` by slug; read once a process."""
    recorded: dict[str, dict[str, Any]] = msgspec.json.decode(
        (resources.files("app.api") / FILE).read_bytes()
    )
    return recorded


def of_answer(operation: str, status: str) -> Any:
    """Return the body that `operation` answered with, None when none was recorded."""
    return _recorded()["answers"].get(operation, {}).get(status)


def of_problems(kinds: Iterable[type[ServiceError]]) -> dict[str, dict[str, Any]]:
    """Return an example for each kind, by slug; one never met is made of what its class says."""
    met = _recorded()["problems"]
    return {
        kind.slug: {"summary": kind.title, "value": met.get(kind.slug) or _imagined(kind)}
        for kind in kinds
    }


def reference(kind: type[ServiceError]) -> dict[str, str]:
    """Refer to the example of a kind."""
    return {"$ref": f"#/components/examples/{kind.slug}"}


def _imagined(kind: type[ServiceError]) -> Any:
    return msgspec.to_builtins(
        Problem(
            type=f"/problems/{kind.slug}",
            title=kind.title,
            status=kind.status,
            detail=(kind.__doc__ or kind.title).partition("\n\n")[0],
            instance="/v1/tasks",
            code=kind.slug,
            request_id="b1946ac92492d234",
        )
    )
