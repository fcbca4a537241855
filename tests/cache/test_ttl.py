"""How long an answer is kept, by monotonic time."""

import asyncio

import pytest

from app.cache.answers import Found, Loaded
from app.cache.cache import Cache
from app.cache.freshness import Freshness
from app.cache.store import ENTRY_BYTES, weigh
from app.errors import ServiceError, TaskNotFoundError, UpstreamFailedError
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


async def slowly(
    cache: Cache[str], clock: Clock, seconds: float, error: ServiceError | None = None
) -> Found[str]:
    """Return what a load of so many seconds brings."""

    async def load() -> Loaded[str]:
        clock.now += seconds
        if error is not None:
            raise error
        return Loaded("answer", 100, 10.0)

    return await cache.get("key", load)


async def test_load_longer_than_its_ttl(cache: Cache[str], clock: Clock) -> None:
    """Who waited for a long load has its answer; the next one asks again."""
    first, second = [await slowly(cache, clock, 11) for _ in range(2)]

    assert (first.how, first.unwrap(), first.ttl_left_s(clock.now)) == ("miss", "answer", 0.0)
    assert (second.how, second.unwrap(), second.age_s(clock.now)) == ("miss", "answer", 11.0)


@pytest.mark.parametrize(
    ("error", "age_s"), [(UpstreamFailedError("Down."), 0.0), (TaskNotFoundError("Gone."), 1.5)]
)
async def test_clocks_of_an_error(
    cache: Cache[str], clock: Clock, error: ServiceError, age_s: float
) -> None:
    """What was learnt is as old as its question, a failure as its end: it spares the next call."""
    found = await slowly(cache, clock, 1.5, error)

    assert found.age_s(clock.now) == age_s


async def test_max_age_joins_what_is_young(cache: Cache[str], clock: Clock) -> None:
    """A flight that began longer ago than `max-age` allows is succeeded, not joined."""
    old, new = (Origin(Loaded(name, 100, 10.0), shut=True) for name in ("old", "new"))
    ages = Freshness(max_age_s=2), Freshness(max_age_s=1)
    first = asyncio.create_task(cache.get("key", old))
    await old.entered.wait()
    clock.now += 1.8
    joined, alone = [asyncio.create_task(cache.get("key", new, wish)) for wish in ages]
    await new.entered.wait()
    old.gate.set()
    new.gate.set()

    found = await asyncio.gather(first, joined, alone)
    assert [each.unwrap() for each in found] == ["old", "old", "new"]
    assert found[1].age_s(clock.now) == pytest.approx(1.8)


async def test_clocks_of_an_answer(cache: Cache[str], clock: Clock) -> None:
    """Age counts from the beginning of the load, and neither clock is ever negative."""
    now = clock.now
    found = await slowly(cache, clock, 1.8)

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
