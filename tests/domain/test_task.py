"""The task: its schema in the OpenAPI document, and the readings of a page."""

from typing import Any

import msgspec
import pytest

from app.domain.task import InstantField, Page, Reading, Task


def schemas() -> dict[str, Any]:
    """Return every component of the task's schema by name."""
    _, components = msgspec.json.schema_components((Task,), ref_template="#/{name}")
    return components


@pytest.mark.parametrize(
    "name",
    ["Task", "Progress", "Fault", "Tenant", "Resource", "Policy", "Agent", "Issuer", "Blocker"],
)
def test_schema(name: str) -> None:
    """Every key is always there and says what it means."""
    schema = schemas()[name]

    assert schema["required"] == list(schema["properties"])
    assert all(key["description"].endswith(".") for key in schema["properties"].values())


def test_closed_and_open_words() -> None:
    """Only the group of the status is a closed list."""
    properties = schemas()["Task"]["properties"]

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


@pytest.mark.parametrize(
    ("field", "ns"),
    [
        ("created_at", 1587555243290396913),
        ("started_at", 1587555243000000000),
        ("completed_at", None),
        ("updated_at", None),
    ],
)
def test_reading(field: InstantField, ns: int | None, seed: Task) -> None:
    """A reading knows the times to the nanosecond, where the task's texts are cut."""
    reading = Reading(
        task=seed,
        number=1,
        sent_times=("2020-04-22T11:34:03.290396913Z", "2020-04-22T11:34:03Z", None, "soon"),
        raw=msgspec.Raw(b"{}"),
    )

    assert reading.at_ns(field) == ns
    assert Page(readings=(reading,), last=True).readings[0].dropped == 0


@pytest.fixture
def seed() -> Task:
    """Return a task with nothing in it but what every task has."""
    empty: dict[str, Any] = dict.fromkeys(Task.__struct_fields__)
    told: dict[str, Any] = {"object": "task", "id": "eu2.1", "upstream_id": "1", "account": "eu2"}
    return Task(**{**empty, **told})
