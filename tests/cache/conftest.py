"""Fixtures of the cache's tests."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from app.cache.cache import Cache
from tests.cache.origin import CLOCKS, Clock


@pytest.fixture
def clock() -> Clock:
    """Monotonic time, set by hand."""
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache[str]:
    """An empty cache without spread: a `rand` of one half leaves every TTL as it is."""
    return Cache(
        max_bytes=1_000_000,
        clocks=CLOCKS,
        monotonic=clock,
        rand=lambda: 0.5,
    )


@pytest.fixture
async def _nothing_leaks() -> AsyncIterator[None]:
    """No test leaves a task behind or a failure that nobody looked at."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    before, handler = asyncio.all_tasks(), loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    yield
    runner = "TestRunner"  # sends tests and fixtures to their loop by short-lived tasks of its own
    left = [task for task in asyncio.all_tasks() - before if runner not in repr(task)]
    gc.collect(1)  # asyncio complains when a task is collected; those of one test are young
    loop.set_exception_handler(handler)

    assert not left
    assert not complaints
