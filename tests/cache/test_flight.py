"""Many callers, one load."""

import asyncio
import gc
import weakref
from contextvars import Context, copy_context

import pytest

from app.cache.answers import CacheFigures, Loaded
from app.cache.cache import Cache
from app.cache.flight import Flights
from app.cache.store import ENTRY_BYTES, weigh
from tests.cache.origin import Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")


async def test_cold_key(cache: Cache[str]) -> None:
    """A thousand concurrent callers of a cold key cost one load, and all are answered."""
    origin = Origin(Loaded("answer", 100, 10.0), shut=True)
    callers = [asyncio.create_task(cache.get("key", origin)) for _ in range(1_000)]
    await origin.entered.wait()
    origin.gate.set()
    found = await asyncio.gather(*callers)

    assert origin.calls == 1
    assert {answer.unwrap() for answer in found} == {"answer"}
    assert sorted(answer.how for answer in found) == ["collapsed"] * 999 + ["miss"]
    assert cache.figures() == CacheFigures(
        entries=1,
        bytes=ENTRY_BYTES + weigh("key") + 100,
        hits=0,
        misses=1,
        collapsed=999,
        evictions=0,
    )


async def test_keys_fly_apart() -> None:
    """Different keys never wait for each other."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    slow, quick = Origin(1, shut=True), Origin(2)
    waiting = asyncio.create_task(flights.join("slow", slow))
    await slow.entered.wait()

    assert await flights.join("quick", quick) == (2, True)
    assert not waiting.done()
    slow.gate.set()
    assert await waiting == (1, True)


async def test_landed() -> None:
    """What has landed is not kept here: the next caller flies anew."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    origin = Origin(1)

    assert await flights.join("key", origin) == (1, True)
    assert await flights.join("key", origin) == (1, True)
    assert origin.calls == 2


async def test_landed_a_moment_ago() -> None:
    """A caller who comes after a load's last step, but before its callbacks, flies anew."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    late: list[asyncio.Task[tuple[int, bool]]] = []

    async def load() -> int:  # its last act puts a caller ahead of its own callbacks
        late.append(asyncio.create_task(flights.join("key", Origin(2))))
        return 1

    assert await flights.join("key", load) == (1, True)
    assert await late[0] == (2, True)


async def test_joins_the_newer() -> None:
    """A flight that ended takes no key from the one that follows it."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    newer = Origin(2, shut=True)
    late: list[asyncio.Task[tuple[int, bool]]] = []

    async def load() -> int:
        late.append(asyncio.create_task(flights.join("key", newer)))
        return 1

    await flights.join("key", load)
    await newer.entered.wait()
    late.append(asyncio.create_task(flights.join("key", newer)))
    asyncio.get_running_loop().call_soon(newer.gate.set)

    assert await asyncio.gather(*late) == [(2, True), (2, False)]
    assert newer.calls == 1


async def test_context_left_open() -> None:
    """What a load leaves open, such as a connection, keeps its context, and yet not its answer."""
    flights: Flights[str, Origin[int]] = Flights(monotonic=Clock())
    left_open: list[Context] = []

    async def load() -> Origin[int]:
        left_open.append(copy_context())
        return Origin(1)

    answer, _ = await flights.join("key", load)
    last_seen = weakref.ref(answer)
    del answer
    gc.collect()

    assert left_open
    assert last_seen() is None
