"""Requests that are sent ahead, answered by the real process."""

import json
import re
import socket
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.test_process import WAIT_S, serving

pytestmark = pytest.mark.machine

_HEAD = re.compile(rb"HTTP/1\.1 200 OK\r\n.*?\r\n\r\n", re.DOTALL)


def test_half_closed(tmp_path: Path) -> None:
    """Who sends kept and cold questions at once and ends its half gets every answer, whole."""
    limits = (1, 2, 1, 3, 4)
    sent = b"".join(b"GET /v1/tasks?limit=%d HTTP/1.1\r\nHost: a\r\n\r\n" % each for each in limits)
    with serving(tmp_path, "--sandbox") as process:
        url = httpx.URL(process.until("serving")["url"])
        for _ in range(3):
            httpx.get(f"{url}/v1/tasks?limit=1", timeout=WAIT_S)
        with closing(socket.create_connection((url.host, url.port or 0))) as caller:
            caller.sendall(sent)
            caller.shutdown(socket.SHUT_WR)
            said = caller.makefile("rb").read()

    bodies = _HEAD.split(said)[1:]
    lengths = [int(length) for length in re.findall(rb"\ncontent-length: (\d+)", said)]
    assert [len(json.loads(body)["items"]) for body in bodies] == [*limits]
    assert [len(body) for body in bodies] == lengths
