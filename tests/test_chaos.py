"""The whole service between load and a platform that fails in every way, one after the other."""

import asyncio
import gc
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.clockwork import SYSTEM_CLOCK
from app.main import create_app
from app.platform.breaker import PROBE_AFTER_S
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from app.settings import AccountSettings, CacheSettings, Settings, UpstreamSettings
from tests.support.callers import (
    DEADLINE_S,
    LATE_MAX_S,
    Caller,
    Everywhere,
    Hurried,
    Lag,
    Leaving,
    Neighbour,
    Regular,
    Seen,
    recovery_s,
)
from tests.support.faults import Fault, FaultProxy
from tests.support.serving import running

pytestmark = pytest.mark.machine

FULL_S = 60.0
GROWTH_MAX_KB = 32_768
KINDS = [*[Caller] * 6, *[Regular] * 2, Hurried, Leaving, Everywhere, Everywhere]


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


@asynccontextmanager
async def service(speed: Speed, **accounts: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service over accounts, by alias their address."""
    known = {"client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_CLIENT_SECRET}
    settings = Settings(
        auth="off",
        _env_file=None,
        accounts={
            alias: AccountSettings.model_validate(known | {"url": url})
            for alias, url in accounts.items()
        },
        # Nearly every question of a regular meets the fault: what is kept is old soon.
        cache=CacheSettings(max_bytes=1_048_576, ttl_unfinished_s=1, stale_while_revalidate_s=0),
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
    """Return the memory that this process has now: its peak may be another test's."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def service_tasks() -> Counter[str]:
    """Return the tasks that there are, by name.

    Those of the proxy are left out: it has some for each connection that is kept.
    """
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return Counter(str(each) for each in map(_place, coroutines) if "faults.py" not in each)


def _place(coroutine: object) -> str:
    code = getattr(coroutine, "cr_code", None)
    return f"{code.co_filename}:{code.co_qualname}" if code else repr(coroutine)


async def go_through(
    speed: Speed, proxy: FaultProxy, callers: Sequence[Caller]
) -> dict[str, float]:
    """Have every fault in turn, each with a calm after it; return how long recoveries took."""
    faults = [fault for fault in Fault if fault is not Fault.NONE]
    probe = Caller(callers[0].seen)
    recoveries = {}
    for fault in faults:
        proxy.fault = fault
        await speed.sleep(FULL_S / len(faults) / 3)
        proxy.fault = Fault.NONE
        recoveries[fault.value] = await recovery_s(probe, speed.monotonic)
        # Calls begun in the fault may end, and open the breaker, a deadline later: one fault must
        # not be charged with the probes of the one before.
        await asyncio.sleep(DEADLINE_S)
        await recovery_s(probe, speed.monotonic)
        before = [caller.asked for caller in callers]
        await speed.sleep(FULL_S / len(faults) / 3)
        async with asyncio.timeout(DEADLINE_S + LATE_MAX_S):  # else somebody waits for ever
            while any(  # noqa: ASYNC110  # callers count, they tell nobody
                each.asked == past for each, past in zip(callers, before, strict=True)
            ):
                await asyncio.sleep(0.01)
    return recoveries


async def test_chaos(speed: Speed) -> None:
    """Whatever fails: no empty health, no hang, no odd status, no leak, and a quick recovery."""
    before = asyncio.all_tasks()
    with SandboxServer(create_sandbox(clock=SYSTEM_CLOCK, history_days=3)) as sandbox:
        proxy = FaultProxy(int(sandbox.url.rpartition(":")[2]), delay_s=0.05)
        async with (
            proxy.running(),
            service(speed, chaos=proxy.url, steady=sandbox.url) as client,
            httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as direct,
        ):
            seen = Seen(client, Lag(), Neighbour(direct))
            callers = [kind(seen) for kind in KINDS]
            for caller in callers:
                await caller.once()
            left, grown_kb = service_tasks(), memory_kb()
            # A group, so that the death of one is the death of all, and of the test.
            async with asyncio.TaskGroup() as group:
                loads = [group.create_task(each.keep_on()) for each in callers]
                loads += [group.create_task(each.keep_on()) for each in (seen.lag, seen.neighbour)]
                recoveries = await go_through(speed, proxy, callers)
                for load in loads:
                    load.cancel()
            # What was begun for those who left ends by its deadline, while the service still runs.
            await asyncio.sleep(DEADLINE_S + LATE_MAX_S)
            left, grown_kb = service_tasks() - left, memory_kb() - grown_kb
    print(  # noqa: T201
        dict(seen.statuses),
        f"{seen.stood_in} stale-if-error, {seen.partial} partial, {seen.starved} starved,",
        f"at most {seen.late_s:.3f} s late, {seen.excused_s:.3f} s of the loop's own;",
        f"{grown_kb} KB more",
        {fault: round(took_s, 2) for fault, took_s in recoveries.items()},
    )

    assert seen.wrong == []
    assert seen.statuses.keys() > {200}
    assert min(seen.stood_in, seen.partial) > 0
    assert max(recoveries.values()) <= PROBE_AFTER_S + (DEADLINE_S + LATE_MAX_S) * speed.factor
    assert grown_kb <= GROWTH_MAX_KB
    assert not left
    assert asyncio.all_tasks() <= before
