"""The real process: it starts, serves, and ends in order."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
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


class Process:
    """A running `taskgate`; `lines` are those it wrote to stdout so far, each one JSON object."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.running = running
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """Read lines up to the first with this event; fails when the output ends before."""
        assert self.running.stdout is not None
        for text in self.running.stdout:
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        pytest.fail(f"no line says {event!r}: {self.lines}")

    def end(self) -> int:
        """Read what is left of the lines; return the exit status."""
        rest, errors = self.running.communicate(timeout=WAIT_S)
        self.lines += [json.loads(text) for text in rest.splitlines()]
        assert errors == ""
        return self.running.returncode


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
        try:
            yield Process(running)
        finally:
            running.kill()


def test_serves_the_sandbox(tmp_path: Path) -> None:
    """One command, nothing configured: ready, and tasks that failed, in our own words."""
    with serving(tmp_path, "--sandbox") as process:
        url = process.until("serving")["url"]

        ready = httpx.get(f"{url}/readyz")
        found = httpx.get(f"{url}/v1/tasks?status_group=failure&limit=5")
        process.running.send_signal(signal.SIGINT)

        assert process.end() == 0
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

        assert process.end() == 0
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"items":[]' in answer
    assert process.lines[-1]["event"] == "stopped"
    assert "canary" not in str(process.lines)


def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken ends the start with status 1 and one sentence on stderr."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        with serving(tmp_path, "--sandbox", "--port", port) as process:
            _, errors = process.running.communicate(timeout=WAIT_S)

    assert process.running.returncode == 1
    assert errors.startswith("taskgate: can't listen: Address already in use")
    assert errors.count("\n") == 1
