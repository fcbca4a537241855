"""The end: what flies is cancelled and awaited, what is kept stays."""

import asyncio

import anyio
import pytest

from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.errors import UpstreamUnavailableError
from tests.cache.origin import Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")


async def test_nothing_flies(cache: Cache[str]) -> None:
    """Closing an idle cache is allowed, and twice."""
    await cache.aclose()
    await cache.aclose()

    assert cache.figures().entries == 0


async def test_not_begun(cache: Cache[str]) -> None:
    """A load that has not taken its first step when the cache closes never does."""
    origin = Origin(Loaded("answer", 100, 10.0))
    caller = asyncio.create_task(cache.get("key", origin))
    await asyncio.sleep(0)  # the caller's first step; the load's comes next
    await cache.aclose()
    with pytest.raises(UpstreamUnavailableError):
        await caller

    assert origin.calls == 0


async def test_caller_waits(cache: Cache[str]) -> None:
    """Closing cancels the loads, and who still waits is told to come again, not cancelled."""
    origin: Origin[Loaded[str]] = Origin(Loaded("answer", 100, 10.0), shut=True)
    callers = [asyncio.create_task(cache.get("key", origin)) for _ in range(3)]
    await origin.entered.wait()
    await cache.aclose()
    raised = await asyncio.gather(*callers, return_exceptions=True)

    assert {type(error) for error in raised} == {UpstreamUnavailableError}
    assert origin.cancellations == 1


async def test_waits_for_the_end(cache: Cache[str]) -> None:
    """Closing returns only when every load has ended, abandoned ones included."""
    origin: Origin[Loaded[str]] = Origin(Loaded("answer", 100, 10.0), shut=True, stubborn=True)
    caller = asyncio.create_task(cache.get("key", origin))
    await origin.entered.wait()
    caller.cancel()
    await asyncio.wait((caller,))
    closing = asyncio.create_task(cache.aclose())
    await anyio.wait_all_tasks_blocked()
    assert not closing.done()
    origin.released.set()
    await closing

    assert origin.ended.is_set()
    assert cache.look("key") is None


async def test_late_caller(cache: Cache[str]) -> None:
    """After the end nothing is loaded, but what is fresh is still answered."""
    origin = Origin(Loaded("answer", 100, 10.0))
    await cache.get("key", origin)
    await cache.aclose()

    assert (await cache.get("key", origin)).how == "hit"
    with pytest.raises(UpstreamUnavailableError):
        await cache.get("other", origin)
    assert origin.calls == 1
