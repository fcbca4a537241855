"""Whose work it is travels with the request to the account's gate."""

import asyncio

import httpx

from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.serving import idle, serving
from tests.support.upstream import FakeUpstream, a_task


async def test_turns(time: FakeTime) -> None:
    """Who asks once does not wait behind all that another asked before."""
    platform = FakeUpstream()

    async def ask(client: httpx.AsyncClient, who: str, limit: int) -> httpx.Response:
        return await client.get(f"/v1/tasks?limit={limit}", headers=bearer(who))

    settings = required(crowd={}, one={}) | {"upstream": {"concurrency": 1}}
    async with serving({"eu2": platform}, time, **settings) as client:
        platform.gate.clear()
        asked = [asyncio.create_task(ask(client, "crowd", limit)) for limit in range(1, 9)]
        await idle()
        asked.append(asyncio.create_task(ask(client, "one", 99)))
        await idle()
        platform.gate.set()
        await asyncio.gather(*asked)

    limits = [each.url.params["limit"] for each in platform.requests if each.method == "GET"]
    assert limits.index("99") <= 2


async def test_joins_a_crowd(time: FakeTime) -> None:
    """Who joins a call that waits behind a crowd's others has it made at his own turn."""
    platform = FakeUpstream()
    settings = required(crowd={}, one={}) | {"upstream": {"concurrency": 1}}
    async with serving({"eu2": platform}, time, **settings) as client:
        platform.gate.clear()
        asked = [
            asyncio.create_task(client.get(f"/v1/tasks?limit={limit}", headers=bearer("crowd")))
            for limit in range(1, 9)
        ]
        await idle()
        for who in ("crowd", "one", "one"):
            last = client.get("/v1/tasks?limit=8", headers=bearer(who))
            asked.append(asyncio.create_task(last))
        await idle()
        platform.gate.set()
        await asyncio.gather(*asked)

    limits = [each.url.params["limit"] for each in platform.requests if each.method == "GET"]
    assert limits.index("8") <= 2
    assert len(limits) == 8


async def test_joined_before_a_page(time: FakeTime) -> None:
    """Who joined keeps his turn for every further page of the same load."""
    platform = FakeUpstream(tasks=[a_task(number) for number in range(1, 5)], page_max=2)
    settings = required(crowd={}, one={}) | {"upstream": {"concurrency": 1, "page_size_max": 2}}
    async with serving({"eu2": platform}, time, **settings) as client:
        platform.gate.clear()
        asked = []
        for who, limit in [("crowd", 4), ("one", 4), *(("crowd", 10 + n) for n in range(6))]:
            path = f"/v1/tasks?limit={limit}"
            asked.append(asyncio.create_task(client.get(path, headers=bearer(who))))
            await idle()
        platform.gate.set()
        await asyncio.gather(*asked)

    pages = ["after" in each.url.params for each in platform.requests if each.method == "GET"]
    assert pages.index(True) <= 2
