"""The clocks of the whole service: how long a slow platform is waited for, and jumps of time."""

import asyncio

import httpx
import pytest

from app.main import create_app
from tests.support.platform import UNIX, FakeTime
from tests.support.serving import configured, idle, network, running
from tests.support.upstream import FakeUpstream, a_task

PATH = "/v1/tasks?limit=5"


async def test_slow_platform(
    client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime
) -> None:
    """Who has something stale waits 300 ms for a slow platform, which goes on; the next has it."""
    await client.get(PATH)
    time.now += 60
    upstream.gate.clear()
    loop = asyncio.get_running_loop()
    began = loop.time()
    late = await client.get(PATH)
    waited_s = loop.time() - began
    upstream.gate.set()
    await idle()
    after = await client.get(PATH)

    assert 0.299 < waited_s < 3
    assert late.headers["cache-status"] == "taskgate; fwd=stale; ttl=-50; detail=late"
    assert (late.headers["age"], late.headers["cache-control"]) == ("60", "private, max-age=0")
    assert after.headers["cache-status"] == "taskgate; hit; ttl=10"
    assert upstream.calls("/tasks") == 2


@pytest.mark.parametrize("jump_s", [-400 * 86_400, -5, 5, 400 * 86_400], ids=str)
async def test_wall_clock_jumps(time: FakeTime, jump_s: int) -> None:
    """A wall clock that is set changes nothing of what is kept: no age, no freshness, no call."""
    wall = FakeTime()
    upstream = FakeUpstream(tasks=[a_task(1)], clock=lambda: UNIX)
    app = create_app(
        configured("eu2"),
        transport=network({"eu2": upstream}),
        clock=wall.clock,
        monotonic=time.monotonic,
        sleep=time.sleep,
        rand=lambda: 0.5,
    )
    async with running(app) as client:
        first = await client.get(PATH)
        time.now += 3
        wall.now += jump_s
        second = await client.get(PATH)
        time.now += 8
        behind = await client.get(PATH)
        await idle()
        anew = await client.get(PATH)

    assert (second.headers["age"], second.content) == ("3", first.content)
    told = [each.headers["cache-status"] for each in (second, behind, anew)]
    assert told == [f"taskgate; hit; ttl={ttl}" for ttl in (7, -1, 10)]
