"""Several accounts make one list, the same whatever happens on the way."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from random import Random
from typing import Any, cast

import pytest

from app.cache.answers import Clocks
from app.cache.cache import Cache
from app.cache.freshness import Freshness
from app.domain.bounds import Params
from app.domain.cursor import CursorCodec
from app.domain.filters import KnownTenants
from app.domain.query import TaskQuery
from app.domain.reading import Page
from app.domain.task import Task
from app.errors import UpstreamFailedError
from app.platform.normalise import read_page
from app.service.accounts import AccountBook
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.house import House, Lifetimes
from app.service.items import ItemService
from app.service.nouns import TASKS
from app.service.scope import ANYBODY, Caller
from tests.support.platform import FakeTime
from tests.support.serving import idle, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

ALIASES = ("au1", "eu2", "us5")
QUERY = TaskQuery(accounts=("au1", "de1", "eu2", "us5"))
NOW = Freshness(no_cache=True, no_store=True)


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


def alone(platforms: Mapping[str, "Late"], time: FakeTime) -> ItemService:
    """Return the service of tasks without its edge, over `platforms`."""
    clocks = Clocks(failure_ttl_s=0, not_found_ttl_s=0)
    cache = Cache[Answer](max_bytes=1, clocks=clocks, monotonic=time.monotonic, rand=lambda: 0.5)
    book = AccountBook(dict.fromkeys(platforms, ""), sandbox=False)
    house = House(
        accounts=tuple(platforms),
        fanout=Fanout(
            cast("Any", platforms),
            book,
            deadline_s=9,
            clock=time.clock,
            monotonic=time.monotonic,
        ),
        cache=cache,
        cursors=CursorCodec(lambda: b"s" * 32),
        lifetimes=Lifetimes(unfinished_s=1, finished_s=1, item_finished_s=1),
        scan_pages_max=1,
        monotonic=time.monotonic,
        tenants=KnownTenants(),
    )
    return ItemService(TASKS, house)


class Late:
    """An account of the platform whose page comes when it is let go, or fails then."""

    def __init__(self, alias: str, number: int) -> None:
        items = [
            a_task(number + place, enqueuedAt=f"2026-01-01T00:00:0{place}Z") for place in (1, 2)
        ]
        self.page, _ = read_page(json.dumps({"items": items[::-1]}).encode(), alias)
        self.fails = alias == "eu2"
        self.go = asyncio.Event()

    def due_by(self, _: float) -> "Late":
        """Return itself: it comes when it is let go."""
        return self

    async def task_pages(self, _: Params, *, limit: int) -> AsyncGenerator[Page[Task], None]:
        """Yield the one page."""
        assert limit
        await self.go.wait()
        if self.fails:
            raise UpstreamFailedError("It broke.", account="eu2")
        yield Page(readings=self.page, last=True)


async def test_thousand_orders(time: FakeTime) -> None:
    """A thousand shuffled orders of arrival, one account failing, are one body to the byte."""
    shuffle = Random(7).shuffle  # noqa: S311  # no secret
    platforms = {alias: Late(alias, place) for place, alias in enumerate(("de1", *ALIASES))}
    service = alone(platforms, time)
    order, bodies = list(platforms.values()), set()
    for _ in range(1_000):
        shuffle(order)
        asked = asyncio.create_task(service.ask(QUERY, Caller(ANYBODY, print), NOW))
        for platform in order:
            platform.go.set()
            await asyncio.sleep(0)
        bodies.add((await asked).unwrap().body)
        for platform in order:
            platform.go.clear()

    [body] = bodies
    assert json.loads(body)["meta"]["complete"] is False
    assert len(json.loads(body)["items"]) == 6
