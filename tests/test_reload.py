"""The consumers' file changes while the real process is under load."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import httpx
import pytest

from app.api.keys import digest
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from tests.support.consumers import bearer, key_of
from tests.support.platform import UNIX
from tests.test_process import serving

pytestmark = pytest.mark.machine

CALLERS = 4
WITHIN_S = 5  # a revoked key is refused by then
REFUSED = 'taskgate_consumers_file_reads_total{outcome="refused"} 1.0'


class Gate(NamedTuple):
    """The running process by its address, the file that it reads, and how it answered the load."""

    url: str
    file: Path
    answered: Counter[int]

    def status(self, name: str) -> int:
        """Ask as this consumer."""
        return httpx.get(f"{self.url}/v1/tasks?limit=1", headers=bearer(name)).status_code

    def put(self, text: str) -> None:
        """Put another file in the place of the last one, at once."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def until(self, holds: Callable[[], bool]) -> float:
        """Look again and again; return the seconds that it took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < WITHIN_S, "it took too long"
        return time.monotonic() - began


def letting_in(*names: str) -> str:
    """Return a file with these consumers."""
    return "".join(f'[consumers.{each}]\nkey_sha256 = "{digest(key_of(each))}"\n' for each in names)


@contextmanager
def loaded(gate: Gate) -> Iterator[None]:
    """Let callers ask as `bi` all the time, around the block."""
    done = Event()

    def call() -> None:
        with httpx.Client(base_url=gate.url, headers=bearer("bi")) as client:
            while not done.is_set():
                gate.answered[client.get("/v1/tasks?limit=1").status_code] += 1

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(call) for _ in range(CALLERS)]
        try:
            yield
        finally:
            done.set()
    for each in callers:
        each.result()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """The service over a sandbox, loaded, with the consumers `bi` and `shop`."""
    file = tmp_path / "consumers.toml"
    file.write_text(letting_in("bi", "shop"))
    with (
        SandboxServer(create_sandbox(clock=lambda: UNIX, history_days=1)) as platform,
        serving(
            tmp_path,
            TASKGATE_ACCOUNTS__EU2__URL=platform.url,
            TASKGATE_ACCOUNTS__EU2__CLIENT_ID=DEFAULT_CLIENT_ID,
            TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET=DEFAULT_CLIENT_SECRET,
            TASKGATE_CONSUMERS_FILE=str(file),
        ) as process,
    ):
        gate = Gate(process.until("serving")["url"], file, Counter())
        with loaded(gate):
            yield gate
        process.running.terminate()
        process.until("stopped")
        # Whatever a test put there last was whole.
        assert process.until("consumers_file_read")["level"] == "info"


def test_revoked(gate: Gate) -> None:
    """A key that goes is refused within seconds, a new one is let in, and nobody else fails."""
    gate.until(lambda: gate.status("shop") == 200)
    gate.put(letting_in("bi", "next"))

    assert gate.until(lambda: gate.status("shop") == 401) < WITHIN_S
    assert gate.status("next") == 200
    assert gate.answered.keys() == {200}
    assert gate.answered[200] > CALLERS


@pytest.mark.parametrize(
    "text", ["", "[consumers.bi", letting_in("bi") + "rate = 1"], ids=["empty", "cut", "wrong"]
)
def test_broken(gate: Gate, text: str) -> None:
    """A broken file keeps everybody in, and is told of; the next whole one counts."""
    gate.put(text)
    gate.until(lambda: REFUSED in httpx.get(f"{gate.url}/metrics").text)

    assert (gate.status("shop"), gate.status("next")) == (200, 401)
    gate.put(letting_in("bi", "next"))
    gate.until(lambda: gate.status("shop") == 401)
    assert gate.answered.keys() == {200}
