"""The platform lives by its clock."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from app.sandbox.dataset import Dataset
from app.sandbox.grammar import Row
from app.sandbox.plot import hour_of
from app.sandbox.story import Story, moment
from tests.sandbox.conftest import NOON_S, Api, Clock

NOON_NS = int(NOON_S) * 1_000_000_000
SECOND_NS = 1_000_000_000
HOUR_S = 3_600
# Born so late that its pulse has not begun.
QUIET = Dataset(seed=5, born_ns=2 * NOON_NS, history_days=2)


@pytest.fixture
def dataset() -> Dataset:
    """Data born at noon."""
    return Dataset(seed=5, born_ns=NOON_NS, history_days=2)


def by_id(dataset: Dataset, seconds: float) -> dict[int, dict[str, Any]]:
    """Return all tasks some seconds after noon."""
    return {task["id"]: task for task in dataset.tasks(NOON_NS + int(seconds * SECOND_NS))}


def rows_by(dataset: Dataset, seconds: float) -> dict[int, Row]:
    """Return the rows of all tasks some seconds after noon."""
    rows = dataset.task_rows(NOON_NS + int(seconds * SECOND_NS))
    return {row["id"]: row for row in rows}


async def test_queued_to_finished(api: Api, clock: Clock) -> None:
    """Whoever watches for a minute sees a task queue, run with growing progress and finish."""
    seen: dict[int, list[str]] = {}
    for _ in range(90):
        for item in await api.items("tasks", "limit=8&order=desc(id)&lod=tiny"):
            states = seen.setdefault(item["id"], [])
            states += [item["state"]] if item["state"] not in states else []
        clock.now_s += 1

    whole = [states for states in seen.values() if states[0] == "enqueued"]
    assert ["enqueued", "assigned", "started", "completed"] in whole


async def test_something_moves(api: Api, clock: Clock) -> None:
    """Every ten seconds the newest answer differs from the one before."""
    answers = []
    for _ in range(13):
        answers.append((await api.get("tasks", "limit=20&order=desc(updatedAt)")).content)
        clock.now_s += 10

    assert all(before != after for before, after in pairwise(answers))


async def test_same_instant(api: Api) -> None:
    """At one instant one question has one answer, to the byte."""
    query = "limit=200&order=desc(updatedAt)&lod=full"

    assert (await api.get("tasks", query)).content == (await api.get("tasks", query)).content


def running(seconds: int) -> Iterator[Story]:
    """Yield stories of the pulse that run some seconds after noon and ever since."""
    for story in hour_of(5, NOON_NS // SECOND_NS // HOUR_S):
        if moment(story, NOON_NS + seconds * SECOND_NS).state == "started":
            yield story


def test_progress_grows(dataset: Dataset) -> None:
    """Progress and `updatedAt` of a running task never go back."""
    story = next(running(60))
    told = [by_id(dataset, 60 + step)[story.id] for step in range(4)]
    currents = [task["progress"]["current"] for task in told if task["state"] == "started"]

    assert currents == sorted(currents)
    assert [task["updatedAt"] for task in told] == sorted(task["updatedAt"] for task in told)
    assert len({task["updatedAt"] for task in told}) > 1


def test_history_is_stable(dataset: Dataset) -> None:
    """What exists stays; what is finished never changes again, and nothing begins in the past."""
    before, after = by_id(dataset, 0), by_id(dataset, 2 * HOUR_S)

    assert before.keys() < after.keys()
    assert all(after[number]["enqueuedAt"] == task["enqueuedAt"] for number, task in before.items())
    settled = {number for number, task in before.items() if task["updatedAt"] < "2026-11-18T11:59"}
    assert all(
        after[number] == task
        for number, task in before.items()
        if number in settled and task["state"] == "completed"
    )
    assert min(after.keys() - before.keys()) > max(before)


def test_backwards() -> None:
    """A lost executor puts a task back into the queue, and another attempt is made."""
    told = [rows_by(QUIET, hours * HOUR_S) for hours in (0.1, 9.1, 12.2)]
    (lost,) = [
        number
        for number, row in told[0].items()
        if row["told"].state == "started" and told[1][number]["told"].state == "enqueued"
    ]

    assert told[1][lost]["startedAt"] is None
    assert (told[2][lost]["told"].state, told[2][lost]["told"].attempts) == ("started", 2)


def test_cancel_requested(dataset: Dataset) -> None:
    """A task whose end was asked for may run on."""
    asked = [task for task in by_id(dataset, 0).values() if task["cancelRequested"]]

    assert {task["state"] for task in asked} == {"started", "completed"}


def test_age() -> None:
    """Tasks go by age alone, by whole UTC days."""
    before, after = rows_by(QUIET, 0), rows_by(QUIET, 12 * HOUR_S)
    day_ends_ns = NOON_NS - 36 * HOUR_S * SECOND_NS

    gone = [before[number]["enqueuedAt"] < day_ends_ns for number in before.keys() - after.keys()]
    kept = [row["enqueuedAt"] < day_ends_ns for row in after.values()]

    assert (set(gone), set(kept)) == ({True}, {False})


def test_age_of_pulse(dataset: Dataset) -> None:
    """The pulse goes after six hours, by whole hours."""
    pulse = rows_by(dataset, 0).keys() - rows_by(QUIET, 0).keys()

    almost, over = (rows_by(dataset, hours * HOUR_S).keys() for hours in (5.9, 6))

    assert len(pulse) == 60
    assert pulse <= almost
    assert not pulse & over


def test_steps_appear(dataset: Dataset) -> None:
    """A running task shows the steps it has come to, unfinished ones without a result."""
    tasks = by_id(dataset, 0)
    active = [
        item
        for item in dataset.activities(NOON_NS)
        if tasks[item["taskId"]]["state"] in ("started", "paused")
    ]

    assert {item["state"] for item in active} >= {"started", "paused"}
    assert all(("result" in item) == (item["state"] == "completed") for item in active)
