"""Whose work it is travels with the request to the account's gate."""

import asyncio

import httpx

from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.serving import idle, serving
from tests.support.upstream import FakeUpstream


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
