"""Two real processes and one Valkey: a consumer's rate is one, and nothing waits for Valkey."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.api.limits import Limiter
from app.errors import RateLimitedError
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from app.service.scope import EVERYTHING, Consumer
from tests.support.consumers import bearer, required
from tests.support.platform import UNIX
from tests.support.valkey import Server
from tests.test_process import ENDED, WAIT_S, Process, serving

pytestmark = pytest.mark.machine

RATE = 8
LOOK_S = 5
BI = Consumer(name="bi", scope=EVERYTHING, rate=RATE, admin=False)
CANARY = "canary-9c4e"


class Replicas(NamedTuple):
    """The running processes and what they share; `cold` are addresses that nobody asked yet."""

    valkey: Server
    processes: tuple[Process, Process]
    client: httpx.Client
    cold: Iterator[str]

    def ask(self) -> int:
        """Ask the next replica something new."""
        return self.client.get(next(self.cold)).status_code


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Two replicas on the sandbox platform, connected to one Valkey."""
    with ExitStack() as stack:
        platform = stack.enter_context(SandboxServer(create_sandbox(clock=lambda: UNIX)))
        valkey = stack.enter_context(closing(Server()))
        with valkey.asked() as asked:
            asked.config_set("requirepass", CANARY)
        variables = {
            "TASKGATE_VALKEY_URL": valkey.url.replace("//", f"//:{CANARY}@"),
            "TASKGATE_CURSOR_SECRET": CANARY,
            "TASKGATE_ACCOUNTS__EU2__URL": platform.url,
            "TASKGATE_ACCOUNTS__EU2__CLIENT_ID": DEFAULT_CLIENT_ID,
            "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET": DEFAULT_CLIENT_SECRET,
            "TASKGATE_UPSTREAM__RATE": "1000/s",
        }
        [hashed] = required(bi={})["consumers"]["bi"].key_sha256
        variables["TASKGATE_CONSUMERS__BI__KEY_SHA256"] = hashed
        variables["TASKGATE_CONSUMERS__BI__RATE"] = f"{RATE}/s"
        first, second = (stack.enter_context(serving(tmp_path, **variables)) for _ in range(2))
        urls = [process.until("serving")["url"] for process in (first, second)]
        for process in (first, second):
            process.until("valkey_connected")
        client = stack.enter_context(httpx.Client(headers=bearer("bi"), timeout=WAIT_S))
        cold = (f"{url}/v1/tasks?created_after={number}" for number, url in enumerate(cycle(urls)))
        yield Replicas(valkey, (first, second), client, cold)


def test_one_bucket(replicas: Replicas) -> None:
    """Cold questions to both in turn are admitted as often as by one bucket, asked as often."""
    one, admitted, statuses = Limiter(monotonic=time.monotonic), 0, list[int]()
    ends = time.monotonic() + LOOK_S
    while time.monotonic() < ends:
        with suppress(RateLimitedError):
            one.take(BI)
            admitted += 1
        statuses.append(replicas.ask())

    assert set(statuses) == {200, 429}
    assert statuses.count(200) == pytest.approx(admitted, rel=0.25)


def test_valkey_dies(replicas: Replicas) -> None:
    """When Valkey is killed both go on alone, each says so once, and the password nowhere."""
    before = [replicas.ask() for _ in range(2)]
    replicas.valkey.stop()
    alone = [replicas.ask() for _ in range(6)]
    for process in replicas.processes:
        process.until("valkey_lost")
        process.running.terminate()

    assert [process.end() for process in replicas.processes] == [ENDED] * 2
    assert before + alone == [200] * 8
    for process in replicas.processes:
        assert [line["event"] for line in process.lines].count("valkey_lost") == 1
        assert CANARY not in str(process.lines)
