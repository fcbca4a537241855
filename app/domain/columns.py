"""The platform's names of what we filter and sort by, and where its items hold them (P§4.1)."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from app.domain.query import ActivityQuery, FilterName, TaskQuery
from app.domain.reading import InstantField


class Column(NamedTuple):
    """A filter of the platform: its parameter, the key and, in an object, the key within."""

    param: str
    key: str
    inner: str | None = None


# In this order they stand in a URL, so that equal questions are equal calls.
COLUMNS: Mapping[FilterName, Column] = {
    "agent": Column("executorId", "executor", "id"),
    "parent": Column("parentActivityId", "parentActivityId"),
    "policy": Column("policyId", "policy", "id"),
    "policy_name": Column("policyName", "policy", "name"),
    "policy_type": Column("policyType", "policy", "type"),
    "priority": Column("priority", "priority"),
    "queue": Column("queue", "queue"),
    "resource": Column("resourceId", "resource", "id"),
    "resource_name": Column("resourceName", "resource", "name"),
    "resource_type": Column("resourceType", "resource", "type"),
    "result": Column("resultCode", "result", "code"),
    "started_by": Column("startedBy", "startedByUser"),
    "state": Column("state", "state"),
    "tag": Column("tag", "tags"),
    "task": Column("taskId", "taskId"),
    "type": Column("type", "type"),
    "workflow": Column("workflowId", "workflowId"),
}
TEXTS: frozenset[FilterName] = frozenset({"policy_name", "resource_name", "started_by"})
LACKING_IN_ACTIVITIES: frozenset[FilterName] = frozenset({"agent", "queue", "priority"})
ONLY_IN_ACTIVITIES: frozenset[FilterName] = frozenset({"task", "parent"})

_TIMES: Mapping[InstantField, str] = {
    "created_at": "enqueuedAt",
    "started_at": "startedAt",
    "completed_at": "completedAt",
    "updated_at": "updatedAt",
}
# Activities are created, never queued.
TIMES: Mapping[type[TaskQuery], Mapping[InstantField, str]] = {
    TaskQuery: _TIMES,
    ActivityQuery: {**_TIMES, "created_at": "createdAt"},
}


class _Sent(msgspec.Struct, rename="camel", gc=False):
    """What the platform filters an item by, as it sent it; shapes are not certain (P§10)."""

    executor: Any = None
    parent_activity_id: Any = None
    policy: Any = None
    priority: Any = None
    queue: Any = None
    resource: Any = None
    result: Any = None
    started_by_user: Any = None
    state: Any = None
    tags: Any = None
    task_id: Any = None
    type: Any = None
    workflow_id: Any = None


_KEYS = dict(zip(_Sent.__struct_encode_fields__, _Sent.__struct_fields__, strict=True))
_decoder = msgspec.json.Decoder(_Sent)


def sent_values(raw: msgspec.Raw, column: Column) -> Iterator[str]:
    """Yield the values that the platform's filter on `column` looks at in an item.

    Not those that we answer: what we know from the context alone (P§10.8) is not filtered by.
    """
    try:
        value = getattr(_decoder.decode(raw), _KEYS[column.key])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What can't be read is equal to nothing.
        return
    if column.inner is not None:
        value = value.get(column.inner) if isinstance(value, dict) else None
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, str):
            yield each
        elif isinstance(each, int):
            yield str(each)
