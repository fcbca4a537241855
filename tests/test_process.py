"""The real process: it starts, serves, and ends in order."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.server import SandboxServer

pytestmark = pytest.mark.machine

TASKGATE = Path(sys.executable).with_name("taskgate")
WAIT_S = 30
ENDED = (0, "")  # in order, without a word on stderr


class Process:
    """A running `taskgate`; `lines` are those of its stdout that were looked at, each JSON.

    All are read as they come, so that it never waits for somebody to read them.
    """

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running
        self.lines: list[dict[str, Any]] = []
        self._told = SimpleQueue[str]()  # the end is an empty one
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, event: str) -> dict[str, Any]:
        """Return the first line with this event, already looked at or not; fails without one."""
        known = (line for line in self.lines if line["event"] == event)
        coming = (line for line in self._coming() if line["event"] == event)
        found = next(chain(known, coming), None)
        assert found is not None, f"no line says {event!r}: {self.lines}"
        return found

    def end(self) -> tuple[int, str]:
        """Look at what is left of the lines; return the exit status, and what stderr says."""
        for _ in self._coming():
            pass
        status = self.running.wait(WAIT_S)
        assert self.running.stderr is not None
        return status, self.running.stderr.read()

    def kill(self) -> None:
        """Kill it, and wait until all that it wrote is read."""
        self.running.kill()
        self._reader.join()

    def _coming(self) -> Iterator[dict[str, Any]]:
        while text := self._told.get(timeout=WAIT_S):
            self.lines.append(json.loads(text))
            yield self.lines[-1]

    def _read(self) -> None:
        assert self.running.stdout is not None
        for text in self.running.stdout:
            self._told.put(text)
        self._told.put("")


@contextmanager
def serving(
    folder: Path, *arguments: str, by: Sequence[str] = (), **variables: str
) -> Iterator[Process]:
    """Run `taskgate serve` on a free port, away from any `.env`; kill it in the end.

    `by` is the command that runs it, if there is one between.
    """
    path = f"{TASKGATE.parent}:{os.defpath}"
    with subprocess.Popen(  # noqa: S603  # our own program
        [*by, TASKGATE, "serve", "--port", "0", *arguments],
        cwd=folder,
        env={"PATH": path, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        process = Process(running)
        try:
            yield process
        finally:
            process.kill()


def test_serves_the_sandbox(tmp_path: Path) -> None:
    """One command, nothing configured: ready, and tasks that failed, in our own words."""
    with serving(tmp_path, "--sandbox") as process:
        url = process.until("serving")["url"]

        ready = httpx.get(f"{url}/readyz")
        found = httpx.get(f"{url}/v1/tasks?status_group=failure&limit=5", timeout=WAIT_S)
        process.running.send_signal(signal.SIGINT)

        assert process.end() == ENDED
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})
    assert [item["status_group"] for item in found.json()["items"]] == ["failure"] * 5
    events = [line["event"] for line in process.lines]
    assert events[:2] == ["sandbox_serving", "serving"]
    assert events[-2:] == ["draining", "stopped"]
    assert events.count("request_served") == 2


class SlowPlatform:
    """Gives tokens, and tasks when it may: `asked` says that it was asked for them."""

    def __init__(self) -> None:
        self.asked, self.gate = Event(), Event()
        self.app = Starlette(
            routes=[
                Route("/api/2/idp/token", self.token, methods=["POST"]),
                Route("/api/task_manager/v2/tasks", self.tasks),
            ]
        )

    async def token(self, _: Request) -> Response:
        """Issue a token."""
        return JSONResponse({"access_token": "a", "token_type": "bearer", "expires_in": 7200})

    def tasks(self, _: Request) -> Response:
        """Answer with no task, once the gate is open; runs in a thread of its own."""
        self.asked.set()
        assert self.gate.wait(WAIT_S)
        return JSONResponse({"items": []})


def test_drains(tmp_path: Path) -> None:
    """SIGTERM lets the running request finish, refuses new ones, and ends with status 0."""
    platform = SlowPlatform()
    with (
        SandboxServer(platform.app) as upstream,
        serving(
            tmp_path,
            TASKGATE_AUTH="off",
            TASKGATE_ACCOUNTS__EU2__URL=upstream.url,
            TASKGATE_ACCOUNTS__EU2__CLIENT_ID="client",
            TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET="canary",
        ) as process,
    ):
        address = httpx.URL(process.until("serving")["url"])
        with closing(socket.create_connection((address.host, address.port or 0))) as caller:
            caller.sendall(b"GET /v1/tasks HTTP/1.1\r\nHost: taskgate\r\n\r\n")
            assert platform.asked.wait(WAIT_S)
            process.running.terminate()
            process.until("draining")
            platform.gate.set()
            answer = caller.makefile("rb").read()

        assert process.end() == ENDED
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"items":[]' in answer
    assert process.lines[-1]["event"] == "stopped"
    assert "canary" not in str(process.lines)


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken ends the start with status 1 and one sentence on stderr."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        with serving(tmp_path, "--sandbox", "--port", port) as process:
            status, errors = process.end()

    assert status == 1
    assert errors.startswith("taskgate: can't listen: Address already in use")
    assert errors.count("\n") == 1
