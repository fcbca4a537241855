"""Failures are answers too: shared, kept for a moment, and never the same object twice."""

import asyncio
import traceback

import pytest

from app.cache.answers import Found, Loaded
from app.cache.cache import Cache
from app.cache.failure import fresh_copy
from app.cache.freshness import Freshness
from app.errors import (
    AmbiguousIdError,
    CursorMalformedError,
    MethodNotAllowedError,
    OverloadedError,
    ServiceError,
    TaskNotFoundError,
    UpstreamFacts,
    UpstreamFailedError,
    UpstreamThrottledError,
)
from tests.cache.origin import Clock, Origin

pytestmark = pytest.mark.usefixtures("_nothing_leaks")


def _raised(found: Found[str]) -> ServiceError:
    with pytest.raises(ServiceError) as failure:
        found.unwrap()
    return failure.value


async def test_shared(cache: Cache[str]) -> None:
    """A failure reaches all who wait, costs one load, and grows with none of them."""
    error = UpstreamFailedError("It broke.", account="eu2", upstream=UpstreamFacts(status=500))
    origin: Origin[Loaded[str]] = Origin(error)
    callers = [asyncio.create_task(cache.get("key", origin)) for _ in range(1_000)]
    errors = [_raised(found) for found in await asyncio.gather(*callers)]

    assert origin.calls == 1
    assert len({id(error) for error in errors}) == 1_000
    assert {type(error) for error in errors} == {UpstreamFailedError}
    assert {len(traceback.extract_tb(error.__traceback__)) for error in errors} == {2}
    assert {error.__context__ for error in errors} == {None}
    assert vars(errors[-1]) == vars(error)


@pytest.mark.parametrize(
    ("error", "ttl_s"),
    [
        pytest.param(UpstreamThrottledError("Slow down.", retry_after_s=5.0), 2.0, id="failure"),
        pytest.param(TaskNotFoundError("No such task."), 5.0, id="not found"),
        pytest.param(AmbiguousIdError("Two have it."), 5.0, id="ambiguous"),
    ],
)
async def test_kept_for_a_moment(
    cache: Cache[str], clock: Clock, error: ServiceError, ttl_s: float
) -> None:
    """A failure is kept for a moment, an answer that is an error for longer, then asked anew."""
    origin: Origin[Loaded[str]] = Origin(error)
    await cache.get("key", origin)
    clock.now += ttl_s - 0.001
    again = await cache.get("key", origin)
    clock.now += 0.001
    anew = await cache.get("key", origin)

    assert (again.how, anew.how) == ("hit", "miss")
    assert origin.calls == 2
    assert vars(_raised(again)) == vars(error)


async def test_crowd_is_not_kept(cache: Cache[str]) -> None:
    """A want of room is told to all who wait for it and kept for nobody."""
    origin: Origin[Loaded[str]] = Origin(OverloadedError("Too much."), shut=True)
    asked = [asyncio.create_task(cache.get("key", origin)) for _ in range(3)]
    await origin.entered.wait()
    origin.gate.set()
    found = await asyncio.gather(*asked)

    assert {_raised(each).slug for each in found} == {"overloaded"}
    assert (await cache.get("key", origin)).how == "miss"
    assert cache.figures().entries == 0


async def test_kept_without_frames(cache: Cache[str]) -> None:
    """A kept failure holds no frames, bodies or causes of the call that failed."""
    error = UpstreamFailedError("It broke.")
    error.__cause__ = OSError("socket")
    found = await cache.get("key", Origin[Loaded[str]](error))
    _raised(found)

    assert found.kept.error is not None
    assert found.kept.error.__traceback__ is None
    assert found.kept.error.__cause__ is None
    assert found.kept.error.__context__ is None


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ZeroDivisionError("a bug"), id="bug"),
        pytest.param(CursorMalformedError("Not ours."), id="the caller's mistake"),
    ],
)
async def test_passes(cache: Cache[str], error: Exception) -> None:
    """Bugs and refusals reach every caller as its own copy with its cause, and are not kept."""
    origin: Origin[Loaded[str]] = Origin(error)
    callers = [asyncio.create_task(cache.get("key", origin)) for _ in range(1_000)]
    raised = await asyncio.gather(*callers, return_exceptions=True)

    assert origin.calls == 1
    assert cache.figures().entries == 0
    assert len({id(copy) for copy in raised}) == 1_000
    assert {type(copy) for copy in raised} == {type(error)}
    assert {getattr(copy, "__cause__", None) for copy in raised} == {error}
    # The load, the cache's step, the flight's step: no frame of any caller.
    assert len(traceback.extract_tb(error.__traceback__)) == 3


async def test_copy_of_any_class() -> None:
    """An error is copied with its facts even if its class can't be called with its words alone."""
    copy = fresh_copy(MethodNotAllowedError("Only GET.", allow="GET"))

    assert (copy.detail, copy.allow, str(copy)) == ("Only GET.", "GET", "Only GET.")


async def test_nothing_to_be_stored(cache: Cache[str]) -> None:
    """A failure is kept for callers who want no answer stored too: each would ask once else."""
    origin: Origin[Loaded[str]] = Origin(UpstreamFailedError("It broke."))
    for _ in range(50):
        _raised(await cache.get("key", origin, Freshness(no_store=True)))

    assert origin.calls == 1


async def test_error_that_is_an_answer(cache: Cache[str]) -> None:
    """An error that is an answer is not stored for them."""
    origin: Origin[Loaded[str]] = Origin(TaskNotFoundError("No such task."))
    for _ in range(3):
        _raised(await cache.get("key", origin, Freshness(no_store=True)))

    assert origin.calls == 3
