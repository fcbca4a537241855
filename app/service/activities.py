"""The activities of tasks: put into the tasks of an answer, a call for many tasks at once."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.domain.activity import Activity
from app.domain.bounds import Params
from app.domain.filters import Keep, visible
from app.domain.reading import Reading
from app.domain.task import Task
from app.service.outcome import Outcome
from app.service.reading import Platform
from app.service.rounds import Rounds

PAGE_SIZE = 1000
# The platform takes `taskId` several times (P§4.1); tasks have one to six activities, so that a
# page holds those of this many, in one URL of 2.5 kB.
TASKS_PER_CALL = 100
_ORDER: Params = (("order", "asc(createdAt)"), ("order", "asc(id)"))


@dataclass(frozen=True, slots=True)
class Attached:
    """Items of an answer, what failed on the way to them, and remarks for people."""

    items: Sequence[Any]
    failures: Sequence[Outcome[Any]] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Steps:
    """The activities of the tasks of one account, by id, of those tasks for which all were read.

    `strays` counts those that tell no task that was asked for.
    """

    of: dict[str, Sequence[Activity]] = field(default_factory=dict)
    strays: int = 0


async def attach(
    tasks: Sequence[Task],
    rounds: Rounds,
    *,
    pages_max: int,
    sees: Keep | None,
) -> Attached:
    """Return `tasks` with their `activities`, oldest first, or `null` where they are unknown.

    Accounts are asked at once, in a round of their own. Unknown are those of an account that fails
    or can't be asked any more, those beyond its first `pages_max` pages, and those of an unreadable
    task; notes tell of what is not an account's failure. What the asker does not see is left out.
    """
    numbers: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        if "unreadable" not in task.anomalies:
            numbers[task.account].append(task.upstream_id)

    async def read(platform: Platform, account: str) -> _Steps:
        return await _read(platform, account, numbers[account], pages_max=pages_max, sees=sees)

    outcomes = await rounds.ask(sorted(numbers), read)
    known: dict[str, Sequence[Activity]] = {}
    notes: list[str] = []
    for outcome in outcomes:
        if outcome.value is not None:
            known |= outcome.value.of
            notes += _notes(outcome.account, outcome.value, len(numbers[outcome.account]))
        elif not outcome.blamed:
            notes.append(
                f"No time was left to read the activities of the tasks of {outcome.account}."
            )
    failures = [each for each in outcomes if each.error is not None]
    filled = [
        msgspec.structs.replace(
            task, activities=tuple(known[task.id]) if task.id in known else None
        )
        for task in tasks
    ]
    return Attached(filled, failures, tuple(notes))


def steps_of(numbers: Iterable[str]) -> Params:
    """Return what the platform is asked for the activities of the tasks with these `numbers`."""
    return (*(("taskId", number) for number in numbers), *_ORDER)


def _notes(account: str, steps: _Steps, tasks: int) -> Iterator[str]:
    if len(steps.of) < tasks:
        yield f"Not all activities of the tasks of {account} were read; ask for fewer tasks."
    if steps.strays:
        what = "activity" if steps.strays == 1 else "activities"
        yield f"{steps.strays} {what} of {account} stand in no task, since they tell none of these."


class _Budget:
    """The pages that the calls for one account may read together."""

    def __init__(self, pages: int) -> None:
        self._left = pages

    def take(self) -> bool:
        """Take one page, if there is one left."""
        self._left -= 1
        return self._left >= 0


async def _read(
    platform: Platform,
    account: str,
    numbers: Sequence[str],
    *,
    pages_max: int,
    sees: Keep | None,
) -> _Steps:
    budget = _Budget(pages_max)
    starts = range(0, len(numbers), TASKS_PER_CALL)
    wanted = [numbers[start : start + TASKS_PER_CALL] for start in starts]
    try:
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(_read_chunk(platform, each, budget)) for each in wanted]
    except ExceptionGroup as failed:
        # One call that fails ends the others, and its failure is the account's.
        raise failed.exceptions[0] from None
    steps = _Steps()
    for chunk, read in zip(wanted, reads, strict=True):
        if (readings := read.result()) is not None:
            _sort(visible(readings, sees), [f"{account}.{number}" for number in chunk], steps)
    return steps


async def _read_chunk(
    platform: Platform, numbers: Sequence[str], budget: _Budget
) -> Sequence[Reading[Activity]] | None:
    """Return the activities of the tasks with these `numbers`, None when the budget ends first."""
    if not budget.take():
        return None
    params = steps_of(numbers)
    found: list[Reading[Activity]] = []
    whole = False
    async with aclosing(platform.activity_pages(params, limit=PAGE_SIZE)) as pages:
        async for page in pages:
            found += page.readings
            whole = page.last
            if not whole and not budget.take():
                break
    return found if whole else None


def _sort(readings: Sequence[Reading[Activity]], tasks: Sequence[str], steps: _Steps) -> None:
    """Put `readings` into `steps` by their task; when only one was asked for, they are of it."""
    found: dict[str, list[Activity]] = {task: [] for task in tasks}
    seen: set[int] = set()
    for reading in readings:
        # Pages are no snapshot (P§8): what moved between two of them comes twice.
        if reading.number in seen:
            continue
        if reading.number is not None:
            seen.add(reading.number)
        task = reading.item.task_id
        if task is None and len(tasks) == 1:
            task = tasks[0]
        if task in found:
            found[task].append(reading.item)
        else:
            steps.strays += 1
    steps.of |= found
