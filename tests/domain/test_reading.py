"""Readings: exact times, and the keys that are filled only when asked for."""

from typing import Any

import msgspec
import pytest

from app.domain.reading import InstantField, Page, Reading
from app.domain.task import Task


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
    """A reading knows the times to the nanosecond, where the item's texts are cut."""
    reading = Reading(
        item=seed,
        number=1,
        sent_times=("2020-04-22T11:34:03.290396913Z", "2020-04-22T11:34:03Z", None, "soon"),
        raw=msgspec.Raw(b"{}"),
    )

    assert reading.at_ns(field) == ns
    assert Page(readings=(reading,), last=True).readings[0].dropped == 0


@pytest.fixture
def seed() -> Task:
    """Return a task with nothing in it but what every task has."""
    required = [field.name for field in msgspec.structs.fields(Task) if field.required]
    empty: dict[str, Any] = dict.fromkeys(required)
    told: dict[str, Any] = {"object": "task", "id": "eu2.1", "upstream_id": "1", "account": "eu2"}
    return Task(**{**empty, **told})
