"""The whole service between load and a platform that fails in every way, one after the other."""

import asyncio
import gc
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx
import pytest

from app.main import SYSTEM_CLOCK, create_app
from app.platform.breaker import PROBE_AFTER_S
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from app.settings import AccountSettings, CacheSettings, Settings, UpstreamSettings
from tests.support.faults import Fault, FaultProxy
from tests.support.serving import running

pytestmark = pytest.mark.machine

FULL_S = 60.0
DEADLINE_S, SLACK_S = 1.0, 0.5  # the slack is that of a machine that does much else
EXPECTED = {200, 502, 503, 504}
GROWTH_MAX_KB = 32_768
WORKERS = 8


@dataclass
class Speed:
    """Policies live `factor` times faster than the wall: a minute of chaos in seconds."""

    factor: float

    def monotonic(self) -> float:
        """Return the seconds that policies see."""
        return time.monotonic() * self.factor

    async def sleep(self, seconds: float) -> None:
        """Wait as policies mean it."""
        await asyncio.sleep(seconds / self.factor)


@dataclass
class Load:
    """Callers that ask ever new questions, and what they saw that must not be."""

    client: httpx.AsyncClient
    statuses: dict[int, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    numbers: "count[int]" = field(default_factory=count)

    async def ask(self) -> int:
        """Ask something new, hold the answer to the promises, and return its status."""
        began = time.monotonic()
        day = f"2026-01-01T00:00:00.{next(self.numbers):09}Z"
        answer = await self.client.get("/v1/tasks", params={"limit": 3, "created_after": day})
        took_s = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took_s)
        status = answer.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in EXPECTED:
            self.wrong.append(f"{status}: {answer.text}")
        if status == httpx.codes.OK and not answer.json()["items"]:
            self.wrong.append("an empty, healthy answer")
        if took_s > DEADLINE_S + SLACK_S:
            self.wrong.append(f"{took_s:.3f} s")
        return status

    async def keep_on(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(0.01)

    async def recovery_s(self, monotonic: Callable[[], float]) -> float:
        """Return the seconds, as policies see them, until an answer is there again."""
        began = monotonic()
        while await self.ask() != httpx.codes.OK:  # noqa: ASYNC110 - only asking can tell
            await asyncio.sleep(0.01)
        return monotonic() - began


@asynccontextmanager
async def service(url: str, speed: Speed) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service over one account."""
    account = {
        "url": url,
        "client_id": DEFAULT_CLIENT_ID,
        "client_secret": DEFAULT_CLIENT_SECRET,
    }
    settings = Settings(
        auth="off",
        _env_file=None,
        accounts={"chaos": AccountSettings.model_validate(account)},
        cache=CacheSettings(max_bytes=1_048_576),
        upstream=UpstreamSettings.model_validate(
            {"timeout_s": 0.5, "deadline_s": DEADLINE_S, "rate": "1000/s"}
        ),
    )
    sleep: Callable[[float], Awaitable[None]] = speed.sleep
    app = create_app(settings, clock=SYSTEM_CLOCK, monotonic=speed.monotonic, sleep=sleep)
    async with running(app) as client:
        yield client


@pytest.fixture
def speed(request: pytest.FixtureRequest) -> Speed:
    """A full minute of chaos in the seconds that are given to it."""
    return Speed(FULL_S / float(request.config.getoption("--chaos-seconds")))


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Collect garbage as the service does: the other tests let more of it lie."""
    theirs = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*theirs)


def memory_kb() -> int:
    """Return the most memory that this process ever had."""
    gc.collect()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def test_chaos(speed: Speed) -> None:
    """Whatever fails: no empty health, no hang, no odd status, no leak, and a quick recovery."""
    before = asyncio.all_tasks()
    faults = [fault for fault in Fault if fault is not Fault.NONE]
    recoveries: dict[str, float] = {}
    with SandboxServer(create_sandbox(clock=SYSTEM_CLOCK, history_days=3)) as sandbox:
        proxy = FaultProxy(int(sandbox.url.rpartition(":")[2]), delay_s=0.05)
        async with proxy.running(), service(proxy.url, speed) as client:
            load = Load(client)
            await load.recovery_s(speed.monotonic)
            workers = [asyncio.create_task(load.keep_on()) for _ in range(WORKERS)]
            grown_kb = memory_kb()
            for fault in faults:
                proxy.fault = fault
                await speed.sleep(FULL_S / len(faults) / 3)
                proxy.fault = Fault.NONE
                recoveries[fault] = await load.recovery_s(speed.monotonic)
                # Calls begun in the fault may end, and open the breaker, a deadline later: one
                # fault must not be charged with the probes of the one before.
                await asyncio.sleep(DEADLINE_S)
                await load.recovery_s(speed.monotonic)
                await speed.sleep(FULL_S / len(faults) / 3)
            grown_kb = memory_kb() - grown_kb
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
    print(load.statuses, f"slowest {load.slowest_s:.3f} s, {grown_kb} KB more", recoveries)  # noqa: T201

    assert load.wrong == []
    assert load.statuses.keys() > {200}
    assert max(recoveries.values()) <= PROBE_AFTER_S + (DEADLINE_S + SLACK_S) * speed.factor
    assert grown_kb <= GROWTH_MAX_KB
    assert asyncio.all_tasks() <= before
