"""Fixtures of every test, nested by cost; only `client` runs the lifespan."""

import gc
from collections.abc import AsyncIterator

import httpx
import hypothesis
import pytest
from fastapi import FastAPI

from app.settings import Settings
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network, running
from tests.support.upstream import FakeUpstream, a_task

# `pytest --hypothesis-profile=thorough` looks longer.
# That a machine is slow is no finding.
PATIENT = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("quick", PATIENT, max_examples=15)
hypothesis.settings.register_profile("thorough", PATIENT, max_examples=300)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the service does."""
    return "asyncio"


@pytest.fixture
def settings() -> Settings:
    """One account, `eu2`."""
    return configured("eu2")


@pytest.fixture
def time() -> FakeTime:
    """Both clocks of the service, turned by hand."""
    return FakeTime()


@pytest.fixture
def upstream(time: FakeTime) -> FakeUpstream:
    """The platform of `eu2`, with twelve tasks that succeeded."""
    return FakeUpstream(tasks=[a_task(number) for number in range(1, 13)], clock=time.clock)


@pytest.fixture
def app(settings: Settings, upstream: FakeUpstream, time: FakeTime) -> FastAPI:
    """The whole service over `upstream`."""
    return built(settings, network({"eu2": upstream}), time)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running service."""
    async with running(app) as client:
        yield client


def pytest_collection_finish() -> None:
    """Let the collector pass over what lives to the end: it took a quarter of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that writes the expected answers anew, and how long to look for surprises."""
    parser.addoption(
        "--chaos-seconds",
        default="12",
        help="what a minute of chaos is pressed into; 60 is its true length",
    )
    parser.addoption(
        "--fuzz-requests",
        type=int,
        default=1_000,
        help="how many mutated requests tests/fuzz/ makes; it takes a millisecond for each",
    )
    parser.addoption(
        "--rewrite-expected",
        action="store_true",
        help="write the expected answers in tests/data/expected/ anew instead of comparing",
    )
    parser.addoption(
        "--examples",
        type=int,
        default=450,
        help="questions for each list and world of one account in tests/oracle/, an eighth of that"
        " for three: 450 are two thousand in all; 10000 for a long look",
    )
    parser.addoption(
        "--strings",
        type=int,
        default=500,
        help="query strings of tests/oracle/test_strings.py; 100000 for a long look",
    )
