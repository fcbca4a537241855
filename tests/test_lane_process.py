"""The fast lane over real sockets: pipelined, half-closed and slow callers, and every line."""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.test_process import ENDED, Process, serving

pytestmark = pytest.mark.machine

TARGET = "/v1/tasks?status_group=success&limit=200"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """A service over the sandbox whose answers last, each kept by the lane after two hits."""
    lasting = {"TASKGATE_CACHE__TTL_FINISHED_S": "3600"}
    with serving(tmp_path, "--sandbox", TASKGATE_LOG_FORMAT="json", **lasting) as process:
        yield process


def connected(process: Process) -> socket.socket:
    """Return a connection to the service, whose lane knows the answer to `TARGET`."""
    url = httpx.URL(process.until("serving")["url"])
    caller = socket.create_connection((url.host, url.port or 0), timeout=30)
    for _ in range(3):
        caller.sendall(asked("learn"))
        whole(caller)
    return caller


def asked(request_id: str) -> bytes:
    """Return the bytes of a request."""
    return f"GET {TARGET} HTTP/1.1\r\nHost: gate\r\nX-Request-Id: {request_id}\r\n\r\n".encode()


def whole(caller: socket.socket, left: bytes = b"", *, piece: int = 65_536) -> tuple[bytes, bytes]:
    """Return the next answer, and what came of the one after it."""
    while b"\r\n\r\n" not in left:
        left += caller.recv(piece)
    head, _, body = left.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    pieces = bytearray(body)
    while len(pieces) < length:
        pieces += caller.recv(piece)
    return head + bytes(pieces[:length]), bytes(pieces[length:])


def test_pipelined(process: Process) -> None:
    """A hundred requests in one go are answered in their order, also to who reads slowly."""
    with closing(connected(process)) as caller:
        caller.sendall(b"".join(asked(f"n-{number}") for number in range(100)))
        left, ids = b"", []
        for _ in range(100):
            answer, left = whole(caller, left, piece=4096)
            ids.append(answer.split(b"x-request-id: ")[1].split(b"\r\n")[0].decode()[:5])

    assert [each.split("{")[0] for each in ids] == [f"n-{number}" for number in range(100)]


def test_half_closed(process: Process) -> None:
    """A caller who sends no more still gets the whole of a kept answer, and then the end."""
    with closing(connected(process)) as caller:
        caller.sendall(asked("last"))
        caller.shutdown(socket.SHUT_WR)
        answer, left = whole(caller)

        assert (left, caller.recv(1)) == (b"", b"")
    assert b"x-request-id: last" in answer


def test_caller_who_reads_nothing(process: Process) -> None:
    """What a caller does not take is not made: the service stays small and serves the others."""
    with closing(connected(process)) as caller:
        url = process.lines[-1]["url"]
        before = resident_bytes(process)
        caller.setblocking(False)
        # Which of the two comes first is the machine's choice: nobody reads on, or it is cut.
        with pytest.raises((BlockingIOError, ConnectionError)):
            send_for_ever(caller, asked("unread") * 100)
        served = httpx.get(f"{url}{TARGET}", timeout=30)

        assert served.status_code == 200
        assert resident_bytes(process) - before < 64_000_000


def send_for_ever(caller: socket.socket, piece: bytes) -> None:
    """Send until nobody takes it any more."""
    while True:
        caller.send(piece)


def resident_bytes(process: Process) -> int:
    """Return what the process holds in memory."""
    status = Path(f"/proc/{process.running.pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_every_line(process: Process) -> None:
    """Each answer has its line by the end, also those of the last moment."""
    with closing(connected(process)) as caller:
        for number in range(150):
            caller.sendall(asked(f"line-{number}"))
            whole(caller)
        process.running.send_signal(signal.SIGTERM)

        assert process.end() == ENDED
    lines = [line for line in process.lines if line["event"] == "request_served"]
    ids = [line["request_id"] for line in lines if line["request_id"] != "learn"]
    assert ids == [f"line-{number}" for number in range(150)]
    assert {line["cache"] for line in lines} == {"miss", "hit"}
    assert len({frozenset(line) for line in lines}) == 1
