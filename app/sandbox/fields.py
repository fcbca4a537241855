"""What may be asked of each list: filter fields with their types (P§4.1) and order keys (P§6)."""

from enum import Enum
from typing import NamedTuple

STATES = {"enqueued": 0, "assigned": 1, "started": 2, "paused": 3, "completed": 4}
PRIORITIES = {"low": -20, "belowNormal": -10, "normal": 0, "aboveNormal": 10, "high": 20}
RESULTS = {"ok": 0, "error": 1, "warning": 2, "cancelled": 3, "abandoned": 4, "timedout": 5}


class Type(Enum):
    """How the values of a field are read and compared."""

    INTEGER = "integer"
    UUID = "uuid"
    STRING = "string"
    TEXT = "text"  # a string that allows like()
    TIME = "time"
    FLAG = "flag"
    WORD = "word"  # one of an ordered enumeration


class Field(NamedTuple):
    """A filter parameter: the row's key it looks at, its type, its words if it has any."""

    key: str
    type: Type
    words: dict[str, int] | None = None


def _named(type_: Type, *names: str) -> dict[str, Field]:
    return {name: Field(name, type_) for name in names}


_BOTH = {
    **_named(Type.INTEGER, "id", "workflowId"),
    **_named(Type.UUID, "uuid"),
    **_named(Type.STRING, "type", "policyId", "policyType", "resourceId", "resourceType", "tag"),
    **_named(Type.TEXT, "policyName", "resourceName"),
    **_named(Type.TIME, "startedAt", "updatedAt", "completedAt"),
    "startedBy": Field("startedByUser", Type.TEXT),
    "state": Field("state", Type.WORD, STATES),
    "resultCode": Field("resultCode", Type.WORD, RESULTS),
}
TASK_FIELDS = {
    **_BOTH,
    **_named(Type.TIME, "enqueuedAt", "assignedAt"),
    **_named(Type.STRING, "queue", "executorId", "affinityAgentId", "affinityClusterId"),
    "priority": Field("priority", Type.WORD, PRIORITIES),
}
ACTIVITY_FIELDS = {
    **_BOTH,
    **_named(Type.TIME, "createdAt"),
    **_named(Type.INTEGER, "taskId", "parentActivityId"),
    **_named(Type.FLAG, "sustainable"),
}

_ORDERS = {
    "id", "uuid", "type", "startedByUser", "state", "startedAt", "updatedAt", "completedAt",
}  # fmt: skip
TASK_ORDERS = frozenset(_ORDERS | {"priority", "enqueuedAt", "assignedAt"})
ACTIVITY_ORDERS = frozenset(_ORDERS | {"createdAt"})
