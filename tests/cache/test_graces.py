"""Three clocks: fresh, served at once while it is loaded behind, served while the origin fails."""

import asyncio
from dataclasses import replace

import pytest

from app.cache.answers import Found, Loaded
from app.cache.cache import Cache
from app.cache.failure import FAILURE_BYTES
from app.cache.freshness import Freshness
from app.errors import (
    AmbiguousIdError,
    NotCachedError,
    OverloadedError,
    ServiceError,
    TaskNotFoundError,
    TooManyIdsError,
    UpstreamFailedError,
    UpstreamTimeoutError,
)
from tests.cache.origin import GRACES, Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")

OUTAGE = UpstreamFailedError("It broke.")


@pytest.fixture
def cache(clock: Clock) -> Cache[str]:
    """A cache with graces of 30 s and 600 s; nobody waits for a slow origin."""
    clocks = replace(GRACES, soft_wait_s=0.0)
    return Cache(max_bytes=1_000_000, clocks=clocks, monotonic=clock, rand=lambda: 0.5)


@pytest.fixture
async def origin(cache: Cache[str]) -> Origin[Loaded[str]]:
    """What the cache has loaded once: `old`, fresh for 10 s."""
    origin = Origin(Loaded("old", 100, 10.0))
    await cache.get("key", origin)
    origin.outcome = Loaded("new", 100, 10.0)
    return origin


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _told(found: Found[str]) -> tuple[str, str]:
    return found.how, found.unwrap()


async def test_refreshed_behind(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """After its freshness an answer is served at once, and loaded once behind all who ask."""
    clock.now += 39.9
    found = [await cache.get("key", origin) for _ in range(3)]
    await _turns()

    assert [_told(each) for each in found] == [("stale", "old")] * 3
    assert _told(await cache.get("key", origin)) == ("hit", "new")
    assert (origin.calls, cache.figures().refreshes, cache.figures().stale) == (2, 1, 3)


async def test_refresh_joined_and_left(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """A refresh has no owner among the callers: one who joined it and left does not end it."""
    origin.gate.clear()
    clock.now += 11
    await cache.get("key", origin)
    joined = asyncio.create_task(cache.get("key", origin, Freshness(max_age_s=1)))
    await _turns()
    joined.cancel()
    await _turns()
    origin.gate.set()
    await _turns()

    assert _told(await cache.get("key", origin)) == ("hit", "new")
    assert (origin.calls, origin.cancellations) == (2, 0)


@pytest.mark.parametrize("wish", [Freshness(max_age_s=60), Freshness(no_cache=True)], ids=repr)
async def test_insisting(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]], wish: Freshness
) -> None:
    """`max-age` and `no-cache` hold over stale-while-revalidate."""
    clock.now += 11

    assert _told(await cache.get("key", origin, wish)) == ("miss", "new")


async def test_slow_refresh(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """Past the first grace a caller waits a little, then has the old; the refresh goes on."""
    origin.gate.clear()
    clock.now += 60
    found = await cache.get("key", origin)
    origin.gate.set()
    await _turns()

    assert (_told(found), found.forward, found.late) == (("stale", "old"), "stale", True)
    assert _told(await cache.get("key", origin)) == ("hit", "new")


async def test_quick_refresh(clock: Clock) -> None:
    """An origin that answers within the little while is waited for."""
    cache = Cache[str](max_bytes=99_999, clocks=GRACES, monotonic=clock, rand=lambda: 0.5)
    origin = Origin(Loaded("old", 100, 10.0))
    await cache.get("key", origin)
    origin.outcome = Loaded("new", 100, 10.0)
    clock.now += 60

    assert _told(await cache.get("key", origin)) == ("miss", "new")


async def test_crowd(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """Without room to ask the old is served too, but the next caller may ask again."""
    origin.outcome = OverloadedError("Too much.")
    clock.now += 50
    crowded = await cache.get("key", origin)
    origin.outcome = Loaded("new", 100, 10.0)

    assert (_told(crowded), crowded.stored) == (("stale", "old"), False)
    assert _told(await cache.get("key", origin)) == ("miss", "new")


async def test_outage(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """While the origin fails the old is served, marked, and the origin asked once in 30 s."""
    origin.outcome = OUTAGE
    clock.now += 50
    seen = []
    for _ in range(60):
        seen.append(_told(await cache.get("key", origin)))
        await _turns()
        clock.now += 1

    assert set(seen) == {("stale", "old")}
    assert origin.calls == 3
    assert cache.figures().stale_if_error >= 58


async def test_recovery(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """A failed reload never ends the old answer within its clock, and nothing stale gets fresh."""
    origin.outcome = OUTAGE
    clock.now += 50
    for _ in range(3):
        await cache.get("key", origin, Freshness(no_cache=True))
        clock.now += 30
    late = await cache.get("key", origin)
    await _turns()
    origin.outcome = Loaded("new", 100, 10.0)
    clock.now += 30
    await cache.get("key", origin)
    await _turns()

    assert (_told(late), late.age_s(clock.now)) == (("stale", "old"), 170.0)
    assert _told(await cache.get("key", origin)) == ("hit", "new")


async def test_clock_ends(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """Past its last clock the old is served no more, unless the caller allows it."""
    origin.outcome = OUTAGE
    clock.now += 610

    with pytest.raises(UpstreamFailedError):
        (await cache.get("key", origin)).unwrap()
    assert _told(await cache.get("key", origin, Freshness(stale_if_error_s=9_999)))[1] == "old"


async def test_max_stale_in_an_outage(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """Who allows more than our clocks has the old all through an outage, asked once in 30 s."""
    origin.outcome = OUTAGE
    clock.now += 700
    seen = []
    for _ in range(60):
        seen.append(_told(await cache.get("key", origin, Freshness(max_stale_s=9_999))))
        await _turns()
        clock.now += 1

    assert set(seen) == {("stale", "old")}
    assert origin.calls == 3


@pytest.mark.parametrize(
    ("second", "calls"),
    [
        pytest.param(OUTAGE, 2, id="outage"),
        pytest.param(Loaded("gap", 9_000, 10.0, whole=False), 3, id="gap"),
    ],
)
async def test_no_room_beside_the_old(
    clock: Clock, second: Loaded[str] | ServiceError, calls: int
) -> None:
    """What finds no room beside the old answer leaves it in place, and a failure its probe."""
    cache = Cache[str](max_bytes=80_000, clocks=GRACES, monotonic=clock, rand=lambda: 0.5)
    origin = Origin(Loaded("old", 9_200, 10.0))
    await cache.get("key", origin)
    origin.outcome = second
    clock.now += 50
    await cache.get("key", origin, Freshness(max_age_s=1))
    origin.outcome = OUTAGE
    found = []
    for _ in range(5):
        found.append(_told(await cache.get("key", origin)))
        clock.now += 1

    assert found == [("stale", "old")] * 5
    assert origin.calls == calls


async def test_refuses_old(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """Who allows nothing old gets the failure, which is kept for its moment."""
    origin.outcome = OUTAGE
    wish = Freshness(max_age_s=1, stale_if_error_s=0)
    clock.now += 11
    first = await cache.get("key", origin, wish)
    second = await cache.get("key", origin, wish)

    assert (first.how, second.how, origin.calls) == ("miss", "hit", 2)
    with pytest.raises(UpstreamFailedError):
        second.unwrap()


async def test_failed_no_cache_while_fresh(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """An ask of now that fails leaves what is fresh fresh for the others."""
    origin.outcome = OUTAGE
    forced = await cache.get("key", origin, Freshness(no_cache=True))
    clock.now += 3

    assert (_told(forced), forced.forward) == (("stale", "old"), "request")
    assert _told(await cache.get("key", origin)) == ("hit", "old")
    found = cache.look("key")
    assert found is not None
    assert found.unwrap() == "old"


async def test_gap_before_whole(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """An answer with a gap is served within its time; then an outage brings back the whole one."""
    origin.outcome = Loaded("gap", 100, 4.0, whole=False)
    clock.now += 50
    await cache.get("key", origin, Freshness(max_age_s=1))
    fresh = await cache.get("key", origin)
    origin.outcome = OUTAGE
    clock.now += 5
    old = await cache.get("key", origin)

    assert (_told(fresh), _told(old)) == (("hit", "gap"), ("stale", "old"))


async def test_gap_stays(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """After an answer with a gap the older whole one is not served again while gaps come."""
    origin.outcome = Loaded("gap", 100, 4.0, whole=False)
    clock.now += 11
    seen = []
    for _ in range(12):
        seen.append((await cache.get("key", origin)).unwrap())
        await _turns()
        clock.now += 2

    assert seen == ["old"] + ["gap"] * 11
    assert origin.calls == 7


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        pytest.param(Freshness(whole=True), ("stale", "old"), id="wants no gap"),
        pytest.param(Freshness(only_if_cached=True), ("stale", "old"), id="wants no call"),
        pytest.param(Freshness(max_stale_s=99), ("miss", "gap"), id="bears old ones"),
    ],
)
async def test_who_still_has_the_whole(
    cache: Cache[str],
    clock: Clock,
    origin: Origin[Loaded[str]],
    wish: Freshness,
    told: tuple[str, str],
) -> None:
    """The whole one goes before a gap that has expired where a gap, or a call, would not do."""
    origin.outcome = Loaded("gap", 100, 4.0, whole=False)
    clock.now += 11
    await cache.get("key", origin, Freshness(max_age_s=1))
    clock.now += 5

    assert _told(await cache.get("key", origin, wish)) == told
    await _turns()


@pytest.mark.parametrize("error", [TaskNotFoundError("Gone."), AmbiguousIdError("Two.")])
async def test_an_error_may_be_an_answer(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]], error: ServiceError
) -> None:
    """What was learnt from the origin ends the old answer, and has no grace of its own."""
    origin.outcome = error
    clock.now += 50
    found = await cache.get("key", origin, Freshness(no_cache=True))
    clock.now += 6
    again = await cache.get("key", origin)

    assert (found.how, again.how, origin.calls) == ("miss", "miss", 3)


async def test_refusal_is_an_answer(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]
) -> None:
    """A refusal ends the old answer too, also when it was refreshed behind, and is not kept."""
    origin.outcome = TooManyIdsError("Too many.")
    clock.now += 11
    assert _told(await cache.get("key", origin)) == ("stale", "old")
    await _turns()

    assert cache.figures().entries == 0


async def test_refusal_not_kept(cache: Cache[str], origin: Origin[Loaded[str]]) -> None:
    """A refusal told to one who wants nothing kept changes nothing for the others."""
    origin.outcome = TooManyIdsError("Too many.")
    with pytest.raises(TooManyIdsError):
        await cache.get("key", origin, Freshness(no_cache=True, no_store=True))

    assert _told(await cache.get("key", origin)) == ("hit", "old")


async def test_bug_behind(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """A bug in a refresh that nobody waits for is told to the loop."""
    told: list[str] = []
    origin.outcome = ZeroDivisionError("bug")
    asyncio.get_running_loop().set_exception_handler(lambda _, facts: told.append(facts["message"]))
    clock.now += 11
    await cache.get("key", origin)
    await _turns()

    assert told == ["A refresh crashed"]


async def test_now_is_shared(cache: Cache[str], clock: Clock) -> None:
    """Who asks for now shares the flights of now, not one that began long ago."""
    slow = Origin(Loaded("slow", 100, 10.0), shut=True)
    now = Origin(Loaded("now", 100, 10.0), shut=True)
    first = asyncio.create_task(cache.get("key", slow))
    await slow.entered.wait()
    clock.now += 1.1
    asked = [asyncio.create_task(cache.get("key", now, Freshness(no_cache=True))) for _ in range(9)]
    await now.entered.wait()
    slow.gate.set()
    await first
    now.gate.set()
    found = await asyncio.gather(*asked)

    assert (first.result().unwrap(), first.result().stored) == ("slow", False)
    assert {each.unwrap() for each in found} == {"now"}
    assert now.calls == 1
    assert _told(await cache.get("key", now)) == ("hit", "now")


async def test_only_if_cached(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """Who wants no call gets what may be served at once, or an error; nothing is loaded."""
    wish = Freshness(only_if_cached=True)
    clock.now += 11
    stale = await cache.get("key", origin, wish)
    clock.now += 60
    allowed = await cache.get("key", origin, replace(wish, max_stale_s=100))

    assert {_told(stale), _told(allowed)} == {("stale", "old")}
    for key in ("key", "other"):
        with pytest.raises(NotCachedError):
            await cache.get(key, origin, wish)
    assert origin.calls == 1


@pytest.mark.parametrize(
    ("wish", "how"),
    [
        pytest.param(Freshness(max_stale_s=50), "stale", id="young enough"),
        pytest.param(Freshness(max_stale_s=49), "stale", id="too old, so late"),
        pytest.param(Freshness(max_stale_s=50, max_age_s=60), "stale", id="both hold"),
        pytest.param(Freshness(max_stale_s=50, max_age_s=59), "miss", id="age does not hold"),
        pytest.param(Freshness(max_stale_s=50, no_cache=True), "miss", id="now"),
    ],
)
async def test_max_stale(
    cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]], wish: Freshness, how: str
) -> None:
    """`max-stale` allows so many seconds past freshness, and other wishes still hold."""
    clock.now += 60
    origin.gate.clear()
    asking = asyncio.create_task(cache.get("key", origin, wish))
    await _turns()
    origin.gate.set()
    found = await asking
    await _turns()

    assert found.how == how


async def test_nothing_left_of_the_old(clock: Clock) -> None:
    """Nobody's patience is cut short for an old answer that may not stand in by then."""
    clocks = replace(GRACES, soft_wait_s=1e-6)
    cache = Cache[str](max_bytes=99_999, clocks=clocks, monotonic=clock, rand=lambda: 0.5)
    await cache.get("key", Origin(Loaded("old", 100, 10.0)))
    clock.now += 610 - 5e-7
    slow = Origin(Loaded("new", 100, 10.0), shut=True)
    asking = asyncio.create_task(cache.get("key", slow))
    await _turns()
    slow.gate.set()

    assert _told(await asking) == ("miss", "new")


async def test_no_store(cache: Cache[str]) -> None:
    """What was loaded for one who wants nothing kept is not kept, unless others share it."""
    origin = Origin(Loaded("new", 100, 10.0))
    alone = await cache.get("key", origin, Freshness(no_store=True))
    kept_after_one = cache.figures().entries
    wishes = (Freshness(no_store=True), Freshness())
    await asyncio.gather(*(cache.get("key", origin, wish) for wish in wishes))

    assert (alone.forward, alone.stored, kept_after_one) == ("bypass", False, 0)
    assert cache.figures().entries == 1


async def test_out_of_time(cache: Cache[str], origin: Origin[Loaded[str]]) -> None:
    """A caller's own time bounds its wait, not the flight: old if kept, else an error."""
    origin.gate.clear()
    wish = Freshness(wait_s=0.001, no_cache=True)
    found = await cache.get("key", origin, wish)
    with pytest.raises(UpstreamTimeoutError):
        await cache.get("other", origin, wish)
    origin.gate.set()
    await _turns()

    assert _told(found) == ("stale", "old")
    assert _told(await cache.get("other", origin)) == ("hit", "new")


async def test_suspended(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """After a jump of the clock beyond every grace nothing old is told for new."""
    clock.now += 1_000_000
    assert _told(await cache.get("key", origin)) == ("miss", "new")

    clock.now -= 1_000_000
    found = await cache.get("key", origin)
    assert (found.how, found.age_s(clock.now)) == ("hit", 0.0)


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
async def test_purge(cache: Cache[str], origin: Origin[Loaded[str]], *, hard: bool) -> None:
    """A purge makes the next one ask; only a soft one leaves the old for an outage."""
    origin.outcome = OUTAGE
    await cache.get("other", origin)
    number = await cache.purge(lambda _: True, hard=hard)
    explained = cache.explain("key")
    found = await cache.get("key", origin, Freshness(max_stale_s=99))

    assert (number, explained.how, cache.explain("other").size_bytes) == (2, "miss", 0)
    assert found.how == ("miss" if hard else "stale")
    assert origin.calls == 3


async def test_purge_in_the_air(cache: Cache[str]) -> None:
    """What was asked before a purge is told to those who wait for it, and not kept."""
    before, after = Origin(Loaded("before", 100, 10.0), shut=True), Origin(Loaded("after", 9, 10.0))
    waiting = asyncio.create_task(cache.get("key", before))
    await before.entered.wait()
    flew = cache.explain("key").in_the_air
    await cache.purge(lambda _: True)
    found = await cache.get("key", after)
    before.gate.set()

    assert (flew, (await waiting).unwrap(), found.unwrap()) == (True, "before", "after")
    assert _told(await cache.get("key", after)) == ("hit", "after")


async def test_explain(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """What is kept is explained with its clocks and its last problem; nothing is asked."""
    fresh = cache.explain("key")
    clock.now += 11
    stale = cache.explain("key")
    origin.outcome = OUTAGE
    clock.now += 39
    await cache.get("key", origin)
    clock.now += 10
    failing = cache.explain("key")

    assert (fresh.how, fresh.ttl_s, fresh.problem, fresh.probe_in_s) == ("hit", 10.0, None, None)
    assert (stale.how, stale.age_s) == ("stale", 11.0)
    assert (failing.how, failing.problem, failing.probe_in_s) == ("stale", "upstream-error", 20.0)
    assert cache.explain("cold").age_s is None


async def test_explain_clocks(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """What is left of each of the three clocks is told; a purge ends two of them."""

    def left() -> tuple[float | None, ...]:
        told = cache.explain("key")
        return told.ttl_s, told.stale_while_revalidate_s, told.stale_if_error_s

    seen = [left()]
    for seconds in (15, 30, 600):
        clock.now += seconds
        seen.append(left())
    clock.now -= 645
    await cache.purge(lambda _: True)

    assert origin.calls == 1
    assert seen == [(10, 40, 610), (-5, 25, 595), (-35, 0, 565), (-635, 0, 0)]
    assert (left(), cache.explain("cold").stale_if_error_s) == ((0, 0, 600), None)


async def test_grow(cache: Cache[str], clock: Clock, origin: Origin[Loaded[str]]) -> None:
    """What is made of an answer later is counted as long as the answer is kept, behind too."""
    old = (await cache.get("key", origin)).unwrap()
    before = cache.figures().bytes
    cache.grow("key", old, 50)
    cache.grow("key", "stranger", 50)
    cache.grow("cold", old, 50)
    whole = cache.figures().bytes
    origin.outcome = OUTAGE
    clock.now += 50
    await cache.get("key", origin)
    cache.grow("key", old, 7)
    cache.grow("key", "stranger", 50)

    assert whole == before + 50
    assert cache.figures().bytes == whole + FAILURE_BYTES + 7
