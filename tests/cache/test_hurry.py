"""Who has less time than a load takes gets what that load has so far."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.cache.answers import Found, Loaded
from app.cache.cache import Cache, nothing_yet
from app.cache.freshness import Freshness
from app.errors import UpstreamTimeoutError
from tests.cache.origin import GRACES, Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")

SoFar = Callable[[], Awaitable[Loaded[str] | None]]

HURRY = Freshness(wait_s=0.001)


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _gap() -> Loaded[str]:
    return Loaded("gap", 100, 4.0, whole=False)


async def _hurried(cache: Cache[str], origin: Origin[Loaded[str]], wish: Freshness) -> Found[str]:
    return await cache.get("key", origin, wish, so_far=_gap)


async def test_then_all(cache: Cache[str]) -> None:
    """The gap is told, kept, and replaced by the whole when that lands."""
    origin = Origin(Loaded("whole", 100, 10.0), shut=True)
    found = await _hurried(cache, origin, HURRY)
    kept = await cache.get("key", origin)
    origin.gate.set()
    await _turns()
    whole = await cache.get("key", origin)

    assert (found.unwrap(), found.late, found.stored, found.how) == ("gap", True, True, "collapsed")
    assert (kept.unwrap(), kept.how, whole.unwrap(), origin.calls) == ("gap", "hit", "whole", 1)


async def test_nothing(cache: Cache[str]) -> None:
    """Nothing so far, or nothing that will do, is a time-out."""
    origin = Origin(Loaded("whole", 100, 10.0), shut=True)
    with pytest.raises(UpstreamTimeoutError):
        await cache.get("key", origin, HURRY)
    with pytest.raises(UpstreamTimeoutError):
        await _hurried(cache, origin, Freshness(wait_s=0.001, whole=True))
    origin.gate.set()
    await _turns()

    assert origin.calls == 1


async def test_made_once(cache: Cache[str]) -> None:
    """Two who are out of time in one flight share what was made of it for the first."""
    origin = Origin(Loaded("whole", 100, 10.0), shut=True)
    first, second = await asyncio.gather(*(_hurried(cache, origin, HURRY) for _ in range(2)))
    origin.gate.set()
    await _turns()

    assert first.kept is second.kept
    assert (first.stored, second.stored, cache.figures().collapsed) == (True, False, 2)


async def test_purged(cache: Cache[str]) -> None:
    """A flight that a purge has cut off has nothing for anybody."""
    origin = Origin(Loaded("whole", 100, 10.0), shut=True)
    asked = asyncio.create_task(_hurried(cache, origin, HURRY))
    await origin.entered.wait()
    await cache.purge(lambda _: True)
    with pytest.raises(UpstreamTimeoutError):
        await asked
    origin.gate.set()
    await _turns()


async def test_slow_gap(cache: Cache[str], clock: Clock) -> None:
    """A gap that took long is fresh for its time from its landing, and as old as its load."""
    origin = Origin(Loaded("gap", 100, 4.0, whole=False), shut=True)
    asked = asyncio.create_task(cache.get("key", origin))
    await origin.entered.wait()
    clock.now += 60
    origin.gate.set()
    await asked
    clock.now += 3
    found = await cache.get("key", origin)

    assert (found.how, found.age_s(clock.now), found.ttl_s(clock.now)) == ("hit", 63.0, 1.0)


@pytest.mark.parametrize(
    ("so_far", "told"),
    [
        pytest.param(_gap, ("collapsed", "gap"), id="some"),
        pytest.param(nothing_yet, ("stale", "old"), id="none"),
    ],
)
async def test_gap_stays(clock: Clock, so_far: SoFar, told: tuple[str, str]) -> None:
    """After a gap a slow origin's part goes before the older whole, which beats nothing."""
    clocks = replace(GRACES, soft_wait_s=0.0)
    cache = Cache[str](max_bytes=99_999, clocks=clocks, monotonic=clock, rand=lambda: 0.5)
    origin = Origin(Loaded("old", 100, 10.0))
    await cache.get("key", origin)
    origin.outcome = Loaded("gap", 100, 4.0, whole=False)
    clock.now += 11
    await cache.get("key", origin, Freshness(max_age_s=1))
    clock.now += 5
    origin.gate.clear()
    found = await cache.get("key", origin, so_far=so_far)
    origin.gate.set()
    await _turns()

    assert ((found.how, found.unwrap()), found.late) == (told, True)


async def test_too_old_meanwhile(clock: Clock) -> None:
    """What grew too old while one waited stands in no more."""
    clocks = replace(GRACES, soft_wait_s=0.0)
    cache = Cache[str](max_bytes=99_999, clocks=clocks, monotonic=clock, rand=lambda: 0.5)
    await cache.get("key", Origin(Loaded("old", 100, 10.0)))
    clock.now += 609
    slow = Origin(Loaded("new", 100, 10.0), shut=True)

    async def ages() -> Loaded[str]:
        clock.now += 2
        return await slow()

    found = await cache.get("key", ages, so_far=_gap)
    slow.gate.set()
    await _turns()

    assert (found.how, found.unwrap()) == ("collapsed", "gap")
