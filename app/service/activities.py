"""The activities of tasks: put into the tasks of an answer, a call for many tasks at once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from app.domain.activity import Activity
from app.domain.filters import Keep
from app.domain.plan import Params
from app.domain.task import Task
from app.service.fanout import Outcome
from app.service.reading import Platform
from app.service.rounds import Rounds

PAGE_SIZE = 1000
# The platform takes `taskId` several times (P§4.1); tasks have one to six activities, so that a
# page holds those of this many, in one URL of 2.5 kB.
_TASKS_PER_CALL = 100
_ORDER: Params = (("order", "asc(createdAt)"), ("order", "asc(id)"))


@dataclass(frozen=True, slots=True)
class Attached:
    """Items of an answer, what failed on the way to them, and remarks for people."""

    items: Sequence[Any]
    failures: Sequence[Outcome[Any]] = ()
    notes: tuple[str, ...] = ()


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

    async def read(platform: Platform, account: str) -> dict[str, list[Activity]]:
        return await _read(platform, account, numbers[account], pages_max=pages_max, sees=sees)

    outcomes = await rounds.ask(sorted(numbers), read)
    known: dict[str, list[Activity]] = {}
    for outcome in outcomes:
        known |= outcome.value or {}
    failures = [each for each in outcomes if each.error is not None]
    notes = [
        f"Not all activities of the tasks of {each.account} were read; ask for fewer tasks."
        for each in outcomes
        if each.value is not None and len(each.value) < len(numbers[each.account])
    ]
    notes += [
        f"No time was left to read the activities of the tasks of {each.account}."
        for each in failures
        if not each.blamed
    ]
    filled = [
        msgspec.structs.replace(
            task, activities=tuple(known[task.id]) if task.id in known else None
        )
        for task in tasks
    ]
    return Attached(filled, failures, tuple(notes))


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
) -> dict[str, list[Activity]]:
    """Return the activities by the id of their task, of those tasks for which all were read."""
    budget = _Budget(pages_max)
    try:
        async with asyncio.TaskGroup() as group:
            chunks = [
                group.create_task(
                    _read_chunk(
                        platform,
                        account,
                        numbers[start : start + _TASKS_PER_CALL],
                        budget,
                        sees=sees,
                    )
                )
                for start in range(0, len(numbers), _TASKS_PER_CALL)
            ]
    except ExceptionGroup as failed:
        # One call that fails ends the others, and its failure is the account's.
        raise failed.exceptions[0] from None
    return {task: steps for chunk in chunks for task, steps in chunk.result().items()}


async def _read_chunk(
    platform: Platform,
    account: str,
    numbers: Sequence[str],
    budget: _Budget,
    *,
    sees: Keep | None,
) -> dict[str, list[Activity]]:
    """Return the activities by the id of their task, or nothing when the budget ends first."""
    if not budget.take():
        return {}
    params = (*(("taskId", number) for number in numbers), *_ORDER)
    found: dict[str, list[Activity]] = {f"{account}.{number}": [] for number in numbers}
    whole = False
    async with aclosing(platform.activity_pages(params, limit=PAGE_SIZE)) as pages:
        async for page in pages:
            for reading in page.readings:
                if sees is None or sees(reading):
                    found.setdefault(reading.item.task_id or "", []).append(reading.item)
            whole = page.last
            if not whole and not budget.take():
                break
    return found if whole else {}
