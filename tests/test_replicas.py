"""Two real processes and one Valkey: a consumer's rate is one, and nothing waits for Valkey."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from tests.support.consumers import bearer, required
from tests.support.platform import UNIX
from tests.support.valkey import Server
from tests.test_process import Process, serving

pytestmark = pytest.mark.machine

RATE = 8
CANARY = "canary-9c4e"


class Replicas(NamedTuple):
    """The running processes and what they share; `cold` are addresses that nobody asked yet."""

    valkey: Server
    processes: tuple[Process, Process]
    cold: Iterator[str]

    def ask(self) -> int:
        """Ask the next replica something new."""
        return httpx.get(next(self.cold), headers=bearer("bi")).status_code


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Two replicas on the sandbox platform, connected to one Valkey."""
    with ExitStack() as stack:
        platform = stack.enter_context(SandboxServer(create_sandbox(clock=lambda: UNIX)))
        valkey = Server()
        stack.callback(valkey.stop)
        with valkey.asked() as client:
            client.config_set("requirepass", CANARY)
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
        cold = (f"{url}/v1/tasks?limit={limit}" for limit, url in enumerate(cycle(urls), 1))
        yield Replicas(valkey, (first, second), cold)


def test_one_bucket(replicas: Replicas) -> None:
    """Cold questions to both in turn are admitted as often as one bucket allows."""
    began = time.monotonic()
    statuses = [replicas.ask() for _ in range(200)]
    seconds = time.monotonic() - began
    one_bucket = RATE + RATE * seconds

    assert set(statuses) == {200, 429}
    assert statuses.count(200) == pytest.approx(one_bucket, abs=0.25 * one_bucket)


def test_valkey_dies(replicas: Replicas) -> None:
    """When Valkey is killed both go on alone, each says so once, and the password nowhere."""
    before = [replicas.ask() for _ in range(2)]
    replicas.valkey.stop()
    alone = [replicas.ask() for _ in range(6)]
    for process in replicas.processes:
        process.until("valkey_lost")
        process.running.terminate()

    assert [process.end() for process in replicas.processes] == [0, 0]
    assert before + alone == [200] * 8
    for process in replicas.processes:
        assert [line["event"] for line in process.lines].count("valkey_lost") == 1
        assert CANARY not in str(process.lines)
