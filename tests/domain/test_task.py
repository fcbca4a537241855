"""Tasks and activities: their schemas in the OpenAPI document."""

from typing import Any

import msgspec
import pytest

from app.domain.activity import Activity
from app.domain.task import Task

ASKED_FOR = {"raw", "result_payload", "activities", "children"}


def schemas() -> dict[str, Any]:
    """Return every component of the schemas by name."""
    _, components = msgspec.json.schema_components((Task, Activity), ref_template="#/{name}")
    return components


@pytest.mark.parametrize(
    "name",
    ["Task", "Activity", "Progress", "Fault", "Tenant", "Resource", "Policy", "Agent", "Issuer",
     "Blocker"],
)  # fmt: skip
def test_schema(name: str) -> None:
    """Every key but those that are asked for is always there, and each says what it means."""
    schema = schemas()[name]

    assert schema["required"] == [key for key in schema["properties"] if key not in ASKED_FOR]
    assert all(key["description"].endswith(".") for key in schema["properties"].values())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Task", ["raw", "result_payload", "activities"]),
        ("Activity", ["raw", "result_payload", "children"]),
    ],
)
def test_keys_that_are_asked_for(name: str, keys: list[str]) -> None:
    """They stand last; what the platform says in its own words may be any JSON."""
    properties = schemas()[name]["properties"]

    assert list(properties)[-3:] == keys
    assert set(properties["raw"]) == {"description", "examples"}
    assert set(properties["result_payload"]) == {"description", "examples"}


def test_order_of_the_keys() -> None:
    """The keys that both have come in one order."""
    task, activity = (list(schemas()[name]["properties"]) for name in ("Task", "Activity"))

    assert [key for key in task if key in activity] == [key for key in activity if key in task]
    assert set(task) - set(activity) == {
        "assigned_at", "queue", "priority", "issuer", "attempts", "attempts_max", "blockers",
        "cancelable", "cancel_requested", "activities",
    }  # fmt: skip
    assert set(activity) - set(task) == {"task_id", "parent_id", "has_children", "children"}


@pytest.mark.parametrize("name", ["Task", "Activity"])
def test_closed_and_open_words(name: str) -> None:
    """Only the group of the status is a closed list."""
    properties = schemas()[name]["properties"]

    assert set(properties["status_group"]["enum"]) == {
        "pending",
        "active",
        "success",
        "failure",
        "canceled",
        "unknown",
    }
    assert "enum" not in properties["status"]
    assert "enum" not in properties["category"]
