"""The activities of tasks: put into the tasks of an answer, a call for many tasks at once."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.domain.activity import Activity
from app.domain.plan import Params
from app.domain.task import Task
from app.errors import ServiceError
from app.service.fanout import Fanout
from app.service.reading import Platform

PAGE_SIZE = 1000
# The platform takes `taskId` several times (P§4.1); tasks have one to six activities, so that a
# page holds those of this many, in one URL of 2.5 kB.
_TASKS_PER_CALL = 100
_ORDER: Params = (("order", "asc(createdAt)"), ("order", "asc(id)"))


@dataclass(frozen=True, slots=True)
class Attached:
    """Items of an answer, what failed on the way to them by account, and remarks for people."""

    items: Sequence[Any]
    failures: dict[str, ServiceError] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


async def attach(tasks: Sequence[Task], fanout: Fanout, *, pages_max: int) -> Attached:
    """Return `tasks` with their `activities`, oldest first.

    Accounts are asked at once. An account that fails leaves `null` in its tasks; one that has more
    than `pages_max` pages leaves what was read, and a note.
    """
    numbers: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        if "unreadable" not in task.anomalies:
            numbers[task.account].append(task.upstream_id)
    found: dict[str, list[Activity]] = defaultdict(list)

    async def read(platform: Platform, account: str) -> bool:
        return await _read(platform, numbers[account], found, pages_max=pages_max)

    outcomes = await fanout.ask(sorted(numbers), read)
    failures = {each.account: each.error for each in outcomes if each.error is not None}
    notes = tuple(
        f"Not all activities of the tasks of {each.account} were read; ask for fewer tasks."
        for each in outcomes
        if each.value is False
    )
    filled = [
        msgspec.structs.replace(
            task, activities=None if task.account in failures else tuple(found[task.id])
        )
        for task in tasks
    ]
    return Attached(filled, failures, notes)


async def _read(
    platform: Platform, numbers: Sequence[str], found: dict[str, list[Activity]], *, pages_max: int
) -> bool:
    """Collect activities by the id of their task; return whether all were read."""
    read = 0
    for start in range(0, len(numbers), _TASKS_PER_CALL):
        chunk = numbers[start : start + _TASKS_PER_CALL]
        params = (*(("taskId", number) for number in chunk), *_ORDER)
        async with aclosing(platform.activity_pages(params, limit=PAGE_SIZE)) as pages:
            async for page in pages:
                if read == pages_max:
                    return False
                read += 1
                for reading in page.readings:
                    found[reading.item.task_id or ""].append(reading.item)
    return True
