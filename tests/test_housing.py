"""What the settings say of keeping is what the cache does."""

from inspect import signature

import pytest

from app.cache.answers import Clocks, Loaded
from app.clockwork import SYSTEM_CLOCK, SYSTEM_MONOTONIC, Clockwork
from app.housing import create_cache
from app.main import create_app
from app.service.encode import Answer, encode
from app.settings import CacheSettings
from tests.support.platform import FakeTime


async def test_clocks(time: FakeTime) -> None:
    """An old answer may be served for as long as the settings say, by either clock."""
    settings = CacheSettings(stale_while_revalidate_s=17, stale_if_error_s=71)
    cache = create_cache(
        settings,
        Clockwork(clock=time.clock, monotonic=time.monotonic, sleep=time.sleep, rand=lambda: 0.5),
    )

    async def load() -> Loaded[Answer]:
        return Loaded(encode({"items": []}), 100, ttl_s=5)

    await cache.get("question", load)
    time.now += 5
    told = cache.explain("question")

    assert told.stale_while_revalidate_s == pytest.approx(17)
    assert told.stale_if_error_s == pytest.approx(71)


def test_patience() -> None:
    """Who has something old waits 300 ms for something new."""
    assert Clocks(failure_ttl_s=2, not_found_ttl_s=5).soft_wait_s == pytest.approx(0.3)


def test_monotonic() -> None:
    """Unless told otherwise nothing that is kept goes by a clock that somebody may set."""
    defaults = signature(create_app).parameters

    assert defaults["monotonic"].default is SYSTEM_MONOTONIC
    assert defaults["monotonic"].default is not SYSTEM_CLOCK
