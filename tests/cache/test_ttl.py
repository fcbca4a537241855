"""How long an answer is kept, by monotonic time."""

import asyncio

import pytest

from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.cache.store import ENTRY_BYTES, weigh
from tests.cache.origin import CLOCKS, Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")


async def test_within_and_after(cache: Cache[str], clock: Clock) -> None:
    """An answer is a hit until its TTL ends, then it is loaded anew and replaced."""
    origin = Origin(Loaded("old", 100, 10.0))
    first = await cache.get("key", origin)
    origin.outcome = Loaded("new", 200, 10.0)
    clock.now += 9.999
    second = await cache.get("key", origin)
    clock.now += 0.001
    third = await cache.get("key", origin)

    assert [(found.how, found.unwrap()) for found in (first, second, third)] == [
        ("miss", "old"),
        ("hit", "old"),
        ("miss", "new"),
    ]
    assert (cache.figures().entries, cache.figures().bytes) == (1, ENTRY_BYTES + weigh("key") + 200)
    assert (cache.figures().hits, cache.figures().misses) == (1, 2)


@pytest.mark.parametrize(
    ("rand", "ttl_s"),
    [
        pytest.param(0.0, 9.0, id="shortest"),
        pytest.param(0.5, 10.0, id="middle"),
        pytest.param(1.0, 11.0, id="longest"),
    ],
)
async def test_spread(clock: Clock, rand: float, ttl_s: float) -> None:
    """A TTL is spread by ten per cent, so that what came together does not end together."""
    cache: Cache[str] = Cache(
        max_bytes=100_000,
        clocks=CLOCKS,
        monotonic=clock,
        rand=lambda: rand,
    )
    found = await cache.get("key", Origin(Loaded("answer", 100, 10.0)))

    assert found.ttl_left_s(clock.now) == pytest.approx(ttl_s)


async def test_zero(cache: Cache[str]) -> None:
    """A TTL of 0 shares the answer with those who wait now and keeps nothing."""
    origin = Origin(Loaded("answer", 100, 0.0))
    callers = [asyncio.create_task(cache.get("key", origin)) for _ in range(3)]
    found = await asyncio.gather(*callers)
    later = await cache.get("key", origin)

    assert [answer.how for answer in found] == ["miss", "collapsed", "collapsed"]
    assert (later.how, origin.calls) == ("miss", 2)
    assert cache.figures().entries == 0


async def test_clocks_of_an_answer(cache: Cache[str], clock: Clock) -> None:
    """Age counts from the end of the load, and neither clock is ever negative."""
    found = await cache.get("key", Origin(Loaded("answer", 100, 10.0)))
    now = clock.now

    assert (found.age_s(now + 4), found.ttl_left_s(now + 4)) == (4.0, 6.0)
    assert (found.age_s(now + 14), found.ttl_left_s(now + 14)) == (14.0, 0.0)
    assert found.age_s(now - 1) == 0.0


async def test_look(cache: Cache[str], clock: Clock) -> None:
    """A look finds only what is fresh and counts nothing."""
    cold = cache.look("key")
    await cache.get("key", Origin(Loaded("answer", 100, 10.0)))
    fresh = cache.look("key")
    clock.now += 10
    old = cache.look("key")

    assert fresh is not None
    assert (fresh.how, fresh.unwrap()) == ("hit", "answer")
    assert (cold, old) == (None, None)
    assert (cache.figures().hits, cache.figures().misses) == (0, 1)
