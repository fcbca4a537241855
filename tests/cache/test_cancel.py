"""Callers who leave harm nobody; the last one out turns off the light."""

import asyncio

import pytest

from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.cache.commitment import commit
from app.cache.flight import Flights
from app.errors import UpstreamFailedError, UpstreamUnavailableError
from tests.cache.origin import Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")


async def _committing() -> None:
    commit()


async def _leave(*callers: asyncio.Task[tuple[int, bool]]) -> None:
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)


async def test_first_caller_leaves() -> None:
    """When the first of 51 callers leaves, its load goes on for the other 50."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    origin = Origin(1, shut=True)
    first, *others = [asyncio.create_task(flights.join("key", origin)) for _ in range(51)]
    await origin.entered.wait()
    await _leave(first)
    origin.gate.set()

    assert await asyncio.gather(*others) == [(1, False)] * 50
    assert first.cancelled()
    assert (origin.calls, origin.cancellations) == (1, 0)


async def test_last_one_out() -> None:
    """When every caller has left, the load is cancelled; each caller is cancelled, not failed."""
    flights: Flights[str, int] = Flights(monotonic=Clock())
    origin = Origin(1, shut=True)
    callers = [asyncio.create_task(flights.join("key", origin)) for _ in range(3)]
    await origin.entered.wait()
    await _leave(*callers)
    await flights.aclose()

    assert [caller.cancelled() for caller in callers] == [True] * 3
    assert origin.cancellations == 1


async def test_committed(cache: Cache[str]) -> None:
    """A load that has begun what can't be undone goes on when all have left, and is kept."""
    origin = Origin(Loaded("answer", 100, 10.0), shut=True)

    async def load() -> Loaded[str]:
        await asyncio.create_task(_committing())
        return await origin()

    caller = asyncio.create_task(cache.get("key", load))
    await origin.entered.wait()
    caller.cancel()
    await asyncio.wait((caller,))
    joined = asyncio.create_task(cache.get("key", load))
    asyncio.get_running_loop().call_soon(origin.gate.set)

    assert (await joined).how == "collapsed"
    assert (origin.calls, origin.cancellations) == (1, 0)


async def test_nothing_to_commit() -> None:
    """Outside of a flight there is nothing to hold on to."""
    commit()


async def test_leave_as_it_lands(cache: Cache[str]) -> None:
    """Who leaves in the very moment in which the load ends is cancelled; the answer is kept."""
    origin = Origin(Loaded("answer", 100, 10.0))
    caller = asyncio.create_task(cache.get("key", origin))
    asyncio.get_running_loop().call_soon(caller.cancel)
    await asyncio.wait((caller,))

    assert caller.cancelled()
    assert (origin.calls, origin.cancellations) == (1, 0)
    assert cache.look("key") is not None


async def test_caller_after_the_last_leave() -> None:
    """Who comes between the last leave and the cancelled load's end gets a load of its own.

    The end of the old one does not take the key of the new one, which others still join.
    """
    flights: Flights[str, int] = Flights(monotonic=Clock())
    old, new = Origin(1, shut=True, stubborn=True), Origin(2, shut=True)
    leaver = asyncio.create_task(flights.join("key", old))
    await old.entered.wait()
    await _leave(leaver)
    callers = [asyncio.create_task(flights.join("key", new))]
    await new.entered.wait()
    old.released.set()
    await old.ended.wait()
    await asyncio.sleep(0)  # the callbacks of the old load
    callers.append(asyncio.create_task(flights.join("key", new)))
    asyncio.get_running_loop().call_soon(new.gate.set)

    assert await asyncio.gather(*callers) == [(2, True), (2, False)]
    assert (old.cancellations, new.cancellations, new.calls) == (1, 0, 1)


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(Loaded("old", 100, 10.0), id="value"),
        pytest.param(UpstreamFailedError("Too late."), id="failure"),
        pytest.param(ZeroDivisionError(), id="bug"),
    ],
)
async def test_abandoned_outcome(cache: Cache[str], outcome: Loaded[str] | Exception) -> None:
    """What an abandoned load makes of its cancellation is not kept, and nobody complains."""
    origin: Origin[Loaded[str]] = Origin(outcome, shut=True, stubborn=True)
    caller = asyncio.create_task(cache.get("key", origin))
    await origin.entered.wait()
    caller.cancel()
    await asyncio.wait((caller,))
    origin.released.set()
    await origin.ended.wait()

    assert cache.look("key") is None


async def test_cancelled_from_inside() -> None:
    """A load that cancels itself fails its callers, for they were not cancelled."""
    flights: Flights[str, int] = Flights(monotonic=Clock())

    async def load() -> int:
        raise asyncio.CancelledError

    with pytest.raises(UpstreamUnavailableError) as failure:
        await flights.join("key", load)

    assert failure.value.retry_after_s == 1.0
