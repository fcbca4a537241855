"""Callers who leave before a hanging platform answers don't cost a call each."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import idle, serving
from tests.support.upstream import FakeUpstream, a_task

USUAL = {"rate": "20/s", "concurrency": 8}


async def leave(client: httpx.AsyncClient, *paths: str) -> None:
    """Ask for all, and leave before there is an answer."""
    asked = [asyncio.create_task(client.get(path)) for path in paths]
    await idle()
    for each in asked:
        each.cancel()
    await asyncio.wait(asked)


async def run_out(client: httpx.AsyncClient, *paths: str) -> None:
    """Ask for all with a millisecond of time."""
    hurry = {"X-Request-Timeout-Ms": "1"}
    await asyncio.gather(*(client.get(path, headers=hurry) for path in paths))


@pytest.mark.parametrize("ask", [leave, run_out])
async def test_load_on_a_hang(time: FakeTime, ask: Callable[..., Awaitable[None]]) -> None:
    """Ten seconds of callers without patience cost a hanging platform at most 2 calls a second."""
    platform = FakeUpstream(tasks=[a_task(1)])
    platform.gate.clear()
    async with serving({"eu2": platform}, time, upstream=USUAL) as client:
        for _ in range(10):
            await ask(client, *(f"/v1/tasks?limit={limit}" for limit in range(1, 26)))
            time.now += 1

    assert platform.calls("/tasks") <= 20


async def test_comes_again(time: FakeTime) -> None:
    """A call that was made is not made again for the next: he joins it, or finds its answer."""
    platform = FakeUpstream(tasks=[a_task(1)])
    platform.gate.clear()
    async with serving({"eu2": platform}, time) as client:
        await leave(client, "/v1/tasks", "/v1/tasks?limit=1")
        joined = asyncio.create_task(client.get("/v1/tasks"))
        await idle()
        platform.gate.set()
        answers = [await joined, await client.get("/v1/tasks?limit=1")]

    told = [answer.headers["cache-status"] for answer in answers]
    assert ["collapsed" in told[0], "hit" in told[1]] == [True, True]
    assert platform.calls("/tasks") == 2


async def test_leaves_the_queue(time: FakeTime) -> None:
    """A call that waits for its turn is never made when all who asked for it have left."""
    platform = FakeUpstream(tasks=[a_task(1)])
    platform.gate.clear()
    async with serving({"eu2": platform}, time, upstream={"concurrency": 1}) as client:
        await leave(client, *(f"/v1/tasks?limit={limit}" for limit in range(1, 10)))
        platform.gate.set()
        await client.get("/v1/tasks?limit=50")

    assert platform.calls("/tasks") == 2
