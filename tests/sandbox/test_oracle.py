"""The rows that are asked and the objects that are shown tell the same."""

from typing import Any

import pytest

from app.sandbox.app import DEFAULT_SEED
from app.sandbox.dataset import Dataset
from app.sandbox.fields import (
    ACTIVITY_FIELDS,
    ACTIVITY_ORDERS,
    PRIORITIES,
    RESULTS,
    STATES,
    TASK_FIELDS,
    TASK_ORDERS,
    Field,
)
from app.sandbox.times import nanoseconds
from tests.sandbox.conftest import NOON_S, Api, Clock

Item = dict[str, Any]
NOON_NS = int(NOON_S) * 1_000_000_000
DATASET = Dataset(seed=DEFAULT_SEED, born_ns=NOON_NS, history_days=3)

WORDS = {"state": STATES, "priority": PRIORITIES}
NESTED = {
    "policyId": ("policy", "id"),
    "policyName": ("policy", "name"),
    "policyType": ("policy", "type"),
    "resourceId": ("resource", "id"),
    "resourceName": ("resource", "name"),
    "resourceType": ("resource", "type"),
    "executorId": ("executor", "id"),
    "affinityAgentId": ("affinity", "agentId"),
    "affinityClusterId": ("affinity", "clusterId"),
}


def shown(item: Item, key: str) -> Any:
    """Return what a row should hold under a key, read off the object."""
    if key in NESTED:
        outer, inner = NESTED[key]
        return item.get(outer, {}).get(inner)
    if key == "resultCode":
        return RESULTS.get(item.get("result", {}).get("code"))
    if key == "tag":
        return tuple(item["tags"]) if "tags" in item else None
    if key in WORDS:
        return WORDS[key][item[key]]
    value = item.get(key)
    return nanoseconds(value) if key.endswith("At") and value else value


@pytest.mark.parametrize(
    ("rows_at", "items_at", "fields", "orders"),
    [
        pytest.param(DATASET.task_rows, DATASET.tasks, TASK_FIELDS, TASK_ORDERS, id="tasks"),
        pytest.param(
            DATASET.activity_rows,
            DATASET.activities,
            ACTIVITY_FIELDS,
            ACTIVITY_ORDERS,
            id="activities",
        ),
    ],
)
def test_rows(
    rows_at: Any, items_at: Any, fields: dict[str, Field], orders: frozenset[str]
) -> None:
    """Every value that can be asked is the one that is shown, absent ones included."""
    rows = {row["id"]: row for row in rows_at(NOON_NS)}
    items = items_at(NOON_NS)
    keys = {field.key for field in fields.values()} | orders
    asked = keys - {"sustainable"}  # an activity has no such field, though one can filter by it

    assert rows.keys() == {item["id"] for item in items}
    differing = {
        (key, rows[item["id"]].get(key), shown(item, key))
        for item in items
        for key in asked
        if rows[item["id"]].get(key) != shown(item, key)
    }
    assert differing == set()


async def test_answers(api: Api, clock: Clock) -> None:
    """What the API lists whole is what there is."""
    dataset = Dataset(seed=DEFAULT_SEED, born_ns=NOON_NS, history_days=3)

    assert await api.items("tasks", "limit=1000&lod=debug") == dataset.tasks(clock.now_ns)
    walked = await api.walk("activities", "limit=1000&lod=debug&order=asc(id)")
    assert [item for page in walked for item in page] == dataset.activities(clock.now_ns)


async def test_sustainable(api: Api) -> None:
    """Activities are found by whether their task survives a return to the queue."""
    items = await api.items("activities", "sustainable=true&order=desc(id)&limit=20")
    ids = "&".join(f"id={item['taskId']}" for item in items)

    tasks = await api.items("tasks", f"{ids}&lod=full")

    assert {task["sustainable"] for task in tasks} == {True}
