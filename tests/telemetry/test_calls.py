"""Upstream calls are counted for the request that caused them."""

import asyncio

from app.telemetry import calls


async def test_shared_with_tasks() -> None:
    """What a request starts counts for it, also in tasks of its own."""
    mine = calls.begin()

    async def flight() -> None:
        calls.note()

    await asyncio.gather(flight(), asyncio.create_task(flight()))

    assert mine.number == 2


async def test_apart() -> None:
    """Two requests don't count each other's calls."""

    async def request(times: int) -> int:
        made = calls.begin()
        for _ in range(times):
            await asyncio.sleep(0)
            calls.note()
        return made.number

    assert await asyncio.gather(*(asyncio.create_task(request(n)) for n in (1, 3))) == [1, 3]


async def test_nobodys() -> None:
    """A call outside any request is nobody's, and no error."""
    calls.note()
