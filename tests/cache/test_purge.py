"""A purge of much: others have their turns meanwhile, and what they load stays."""

import asyncio
from dataclasses import replace

import pytest

from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.cache.failure import FAILURE_BYTES
from app.cache.freshness import Freshness
from app.errors import UpstreamFailedError
from tests.cache.origin import GRACES, Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")

KEYS = range(1_000)
LAST = KEYS[0]  # those that came last go first


@pytest.fixture
async def cache(clock: Clock) -> Cache[str]:
    """A cache with a thousand answers that are fresh for 10 s; the clock stands a second later."""
    clocks = replace(GRACES, soft_wait_s=0.0)
    cache = Cache[str](max_bytes=9_000_000, clocks=clocks, monotonic=clock, rand=lambda: 0.5)
    for key in KEYS:
        await cache.get(key, Origin(Loaded("old", 100, 10.0)))
    clock.now += 1
    return cache


async def _begun(cache: Cache[str], *, hard: bool = False) -> asyncio.Task[int]:
    """Return a purge of all that has come as far as the first turn of others."""
    purge = asyncio.create_task(cache.purge(lambda _: True, hard=hard))
    await asyncio.sleep(0)
    return purge


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
async def test_turns(cache: Cache[str], *, hard: bool) -> None:
    """Others have a turn after every 64 keys, and all keys are done when the purge is."""
    purge, turns = await _begun(cache, hard=hard), 0
    while not purge.done():
        turns += 1
        await asyncio.sleep(0)

    assert turns >= len(KEYS) // 64
    assert (await purge, {cache.explain(key).how for key in KEYS}) == (1_000, {"miss"})


async def test_turns_of_none(cache: Cache[str]) -> None:
    """Keys that don't match take time too."""
    purge, turns = asyncio.create_task(cache.purge(lambda _: False)), 0
    while not purge.done():
        turns += 1
        await asyncio.sleep(0)

    assert (turns >= len(KEYS) // 64, await purge) == (True, 0)


async def test_size(cache: Cache[str]) -> None:
    """A soft purge holds as much as before, also of what has grown or stands behind a failure."""
    failing = Origin[Loaded[str]](UpstreamFailedError("It broke."))
    cache.grow(0, (await cache.get(0, failing)).unwrap(), 50)
    before = cache.figures()
    await cache.get(1, failing, Freshness(no_cache=True))
    await cache.purge(lambda _: True)

    assert replace(cache.figures(), stale=0, stale_if_error=0) == before


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
async def test_loaded_meanwhile(cache: Cache[str], clock: Clock, *, hard: bool) -> None:
    """What is loaded while a purge goes on is newer than it, and stays."""
    purge = await _begun(cache, hard=hard)
    clock.now += 0.01
    await cache.get(LAST, Origin(Loaded("new", 100, 10.0)), Freshness(no_cache=True))

    assert await purge == 999
    assert (cache.explain(LAST).how, cache.explain(LAST - 1).how) == ("hit", "miss")


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize(
    ("outcome", "size_bytes"),
    [(UpstreamFailedError("It broke."), FAILURE_BYTES), (Loaded("gap", 9, 5.0, whole=False), 9)],
    ids=["failure", "gap"],
)
async def test_old_behind_new(
    cache: Cache[str],
    clock: Clock,
    outcome: Exception | Loaded[str],
    size_bytes: int,
    *,
    hard: bool,
) -> None:
    """The old that stands behind what came meanwhile is purged like anything else."""
    purge = await _begun(cache, hard=hard)
    clock.now += 0.01
    await cache.get(LAST, Origin(outcome), Freshness(no_cache=True))
    await purge
    told = cache.explain(LAST)

    assert told.size_bytes == size_bytes + (0 if hard else 100)
    assert told.stale_while_revalidate_s == (None if hard else 0)
    assert told.stale_if_error_s == (None if hard else pytest.approx(599.99))


async def test_new_behind_new(cache: Cache[str], clock: Clock) -> None:
    """What was loaded meanwhile stays, also behind a failure that came later."""
    purge = await _begun(cache)
    clock.now += 0.01
    for outcome in (Loaded("new", 100, 10.0), UpstreamFailedError("It broke.")):
        await cache.get(LAST, Origin(outcome), Freshness(no_cache=True))
    await purge

    assert cache.explain(LAST).how == "hit"


async def test_grown_meanwhile(cache: Cache[str], clock: Clock) -> None:
    """A coding that is made while a purge goes on makes nothing newer."""
    found = await cache.get(LAST, Origin(Loaded("new", 100, 10.0)))
    purge = await _begun(cache)
    clock.now += 0.01
    cache.grow(LAST, found.unwrap(), 50)

    assert (await purge, cache.explain(LAST).how) == (1_000, "miss")


async def test_in_the_air_before(cache: Cache[str]) -> None:
    """A load that was under way when the purge began is not kept, whenever it lands."""
    origin = Origin(Loaded("before", 100, 10.0), shut=True)
    waiting = asyncio.create_task(cache.get(LAST, origin, Freshness(no_cache=True)))
    await origin.entered.wait()
    purge = await _begun(cache)
    origin.gate.set()
    found = await waiting
    done = purge.done()

    assert (found.unwrap(), found.stored, done) == ("before", False, False)
    assert (await purge, cache.explain(LAST).how) == (1_000, "miss")


async def test_gone_meanwhile(cache: Cache[str], clock: Clock) -> None:
    """What is gone by the time that its turn comes is not counted."""
    purge = await _begun(cache)
    clock.now += 0.01
    huge = Origin(Loaded("huge", 9_000_000, 10.0))
    await cache.get(LAST, huge, Freshness(no_cache=True))

    assert (await purge, cache.explain(LAST).how) == (999, "miss")
