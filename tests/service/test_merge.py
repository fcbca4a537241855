"""Several accounts make one list, the same whatever happens on the way."""

import asyncio
from typing import Any

import pytest

from tests.support.platform import FakeTime
from tests.support.serving import idle, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

ALIASES = ("au1", "eu2", "us5")


def three() -> dict[str, FakeUpstream]:
    """Return three platforms whose tasks interleave, tie in time, and tie in their ids too."""
    tasks: dict[str, list[dict[str, Any]]] = {alias: [] for alias in ALIASES}
    for number in range(1, 25):
        tasks[ALIASES[number % 3]].append(a_task(number))
        if number % 5 == 0:
            tied = a_task(number, enqueuedAt="2026-01-01T00:00:20.5Z")
            tasks["au1"].append(tied | {"id": 500 + number, "idString": str(500 + number)})
            tasks["us5"].append(tied | {"id": 500 + number, "idString": str(500 + number)})
    return {alias: FakeUpstream(tasks=tasks[alias]) for alias in ALIASES}


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("limit", [2, 1000])
async def test_interleaved(time: FakeTime, limit: int, sort: str) -> None:
    """A walk over three accounts has every task once: by time, then number, then account."""
    platforms = three()
    async with serving(platforms, time) as client:
        pages = await walk(client, f"/v1/tasks?limit={limit}&sort={sort}")

    place = {
        f"{alias}.{task['id']}": (task["enqueuedAt"].ljust(22, "0"), task["id"], alias)
        for alias, platform in platforms.items()
        for task in platform.tasks
    }
    assert ids(*pages) == sorted(place, key=place.__getitem__, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize("limit", [2, 5])
async def test_unreadable(time: FakeTime, limit: int, sort: str) -> None:
    """Unreadable items of several accounts come once each, wherever the walk stands."""
    platforms = three()
    for alias, platform in platforms.items():
        for place in (0.25, 0.5, 7.5, 7.75, 20.5, 24.5):
            odd = a_task(int(place)) | {"id": place, "idString": alias}
            platform.tasks.append(odd)
    async with serving(platforms, time) as client:
        pages = await walk(client, f"/v1/tasks?limit={limit}&sort={sort}")

    found = ids(*pages)
    assert len(found) == len(set(found)) == sum(len(each.tasks) for each in platforms.values())
    assert sum("unreadable" in each for each in found) == 18


async def test_order_of_answers(time: FakeTime) -> None:
    """The body is the same, to the byte, whatever order the accounts answer in."""
    bodies = []
    for order in (ALIASES, ALIASES[::-1]):
        platforms = three()
        for platform in platforms.values():
            platform.gate.clear()
        async with serving(platforms, time) as client:
            asked = asyncio.create_task(client.get("/v1/tasks?limit=1000"))
            for alias in order:
                await idle()
                platforms[alias].gate.set()
            bodies.append((await asked).content)

    assert bodies[0] == bodies[1]
