"""Levels of detail (P§7): which keys an answer has at each; every level holds the one below it.

No source says which fields a level returns. `tiny` is the reduced list schema of the OpenAPI file,
`short` what the paging samples show, no level at all the seed's keys.
"""

from collections.abc import Mapping
from typing import Any

LODS = ("tiny", "short", "long", "full", "debug")

_NAMES = {"idString", "uuid", "type", "tenant", "policy", "resource", "startedByUser"}

_TASK_TINY = {
    "state", "result", "id", "startedAt", "completedAt", "issuer", "cancelRequested", "blockers",
    "enqueuedAt", "updatedAt", "executor", "assignCount", "assignedAt",
}  # fmt: skip
_TASK_SHORT = _TASK_TINY | _NAMES | {"queue", "priority"}
_TASK_LONG = _TASK_SHORT | {
    "progress", "cancellable", "tags", "workflowId", "maxAssignCount", "heartBeatInterval",
}  # fmt: skip
_TASK_FULL = _TASK_LONG | {
    "context", "argument", "affinity", "sustainable",
    "ackTimeout", "queueTimeout", "execTimeout", "lifeTime",
}  # fmt: skip
_TASK_SEED = {
    "cancelRequested", "cancellable", "completedAt", "context", "enqueuedAt", "id", "idString",
    "issuer", "priority", "queue", "result", "startedAt", "startedByUser", "state", "tenant",
    "type", "updatedAt", "uuid",
}  # fmt: skip
TASK_LEVELS = {
    None: _TASK_SEED,
    "tiny": _TASK_TINY,
    "short": _TASK_SHORT,
    "long": _TASK_LONG,
    "full": _TASK_FULL,
    "debug": _TASK_FULL,
}

_ACTIVITY_TINY = {
    "id", "taskId", "parentActivityId", "state", "result", "executor",
    "createdAt", "startedAt", "completedAt", "updatedAt",
}  # fmt: skip
_ACTIVITY_SHORT = _ACTIVITY_TINY | _NAMES | {"taskIdString", "parentActivityIdString"}
_ACTIVITY_LONG = _ACTIVITY_SHORT | {"progress", "tags", "workflowId"}
_ACTIVITY_FULL = _ACTIVITY_LONG | {"context"}
ACTIVITY_LEVELS = {
    None: _ACTIVITY_SHORT | {"context", "progress"},
    "tiny": _ACTIVITY_TINY,
    "short": _ACTIVITY_SHORT,
    "long": _ACTIVITY_LONG,
    "full": _ACTIVITY_FULL,
    "debug": _ACTIVITY_FULL,
}


def at_level(
    whole: Mapping[str, Any], levels: Mapping[str | None, set[str]], lod: str | None
) -> dict[str, Any]:
    """Cut an object down to a level; below `debug` an error's `debug` tells its message alone."""
    kept = levels[lod]
    cut = {key: value for key, value in whole.items() if key in kept}
    error = whole.get("result", {}).get("error", {})
    if lod != "debug" and "debug" in error:
        quiet = error | {"debug": {"msg": error["debug"]["msg"]}}
        cut["result"] = whole["result"] | {"error": quiet}
    return cut
