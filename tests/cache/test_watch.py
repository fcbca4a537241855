"""Whoever serves what was found without asking again hears when that ends."""

from collections.abc import Awaitable, Callable, Hashable

import pytest

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache

Step = Callable[[Cache[str]], Awaitable[object]]


def cache_of(max_bytes: int = 100_000) -> Cache[str]:
    """Return a cache at a time that stands still."""
    clocks = Clocks(failure_ttl_s=1, not_found_ttl_s=1)
    return Cache(max_bytes=max_bytes, clocks=clocks, monotonic=lambda: 0.0, rand=lambda: 0.5)


async def load() -> Loaded[str]:
    """Return something small that is fresh for a minute."""
    return Loaded("value", 100, 60.0)


async def load_much() -> Loaded[str]:
    """Return what takes an eighth of the bound."""
    return Loaded("value", 10_000, 60.0)


async def _grow(cache: Cache[str]) -> None:
    cache.grow("key", "value", 10)


@pytest.mark.parametrize(
    "step",
    [
        lambda cache: cache.purge(lambda _: True),
        lambda cache: cache.purge(lambda _: True, hard=True),
        _grow,
    ],
    ids=["purged", "forgotten", "grown"],
)
async def test_ended(step: Step) -> None:
    """Every end of what is kept is told at once."""
    cache = cache_of()
    ended: list[Hashable] = []
    found = await cache.get("key", load)
    cache.watch(ended.append)
    held = cache.holds(found)
    await step(cache)

    assert (held, cache.holds(found), ended) == (True, False, ["key"])


async def test_pushed_out() -> None:
    """What is pushed out for want of room is told too."""
    cache = cache_of()
    ended: list[Hashable] = []
    await cache.get("first", load_much)
    cache.watch(ended.append)
    for number in range(20):
        await cache.get(number, load_much)

    assert "first" in ended


async def test_credit() -> None:
    """Hits served elsewhere count, and are a use of what is kept."""
    cache = cache_of()
    await cache.get("hot", load_much)
    cache.credit("hot", 3)
    for number in range(20):
        await cache.get(number, load_much)

    assert cache.figures().hits == 3
    assert cache.explain("hot").how == "hit"
