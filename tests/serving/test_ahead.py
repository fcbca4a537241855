"""Requests that were sent ahead, and a caller who then ends its half of the connection."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.serving.bounds import Bounds
from app.serving.connections import bounded
from app.serving.loop import ServerLoop
from tests.support.line import GET, Line

BODY = b"x" * 20_000_000  # more than any kernel takes for a caller who reads nothing


def test_ahead() -> None:
    """Everything that was sent ahead is answered after the end, and only then the line closes."""
    line = Line()
    line.hear(GET * 3)

    assert line.protocol.eof_received()
    for _ in range(2):
        line.protocol.on_response_complete()
        assert line.transport.ended == ""
    line.answer()
    assert line.transport.ended == "closed"
    assert line.loop.waiting()[-1] == 30


@pytest.mark.parametrize(
    ("heard", "secure"),
    [(b"", False), (GET, False), (GET * 2 + GET[:9], False), (GET * 2 + b"\x16\r\n", False),
     (GET * 2, True)],
    ids=["nothing", "one", "a part", "no HTTP", "TLS"],
)  # fmt: skip
def test_leaves(heard: bytes, secure: bool) -> None:  # noqa: FBT001
    """Any other end is a caller's leaving."""
    line = Line(eof=not secure)
    line.hear(heard)

    assert not line.protocol.eof_received()


def test_empty_line() -> None:
    """An empty line behind what was sent ahead is no part of a request."""
    line = Line()
    line.hear(GET, GET, b"\r\n")

    assert line.protocol.eof_received()


def test_done() -> None:
    """Where all is answered the end closes the line, whatever was sent ahead before."""
    line = Line()
    line.hear(GET * 2)
    line.answer()

    assert not line.protocol.eof_received()
    line.hear(GET)
    assert not line.protocol.eof_received()


@pytest.mark.parametrize(
    ("end", "cuts"),
    [
        pytest.param(lambda line: line.protocol.connection_lost(None), [], id="lost"),
        pytest.param(lambda line: line.hear(GET * 17), ["pipelined"], id="too many"),
        pytest.param(lambda line: line.protocol.make_way(), ["crowded"], id="crowded"),
        pytest.param(lambda line: (line.hear(GET[:9]), line.loop.fire()), ["slow"], id="slow"),
        pytest.param(
            lambda line: (line.protocol.pause_writing(), line.loop.fire()), ["unread"], id="unread"
        ),
    ],
)
def test_told(end: Callable[[Line], object], cuts: list[str]) -> None:
    """Who runs is told that nobody waits any more, also with others behind it, who never begin."""
    line = Line()
    line.hear(GET)
    running = line.protocol.cycle
    line.hear(GET * 2)
    running.message_event.clear()
    end(line)

    assert line.cuts == cuts
    assert (running.disconnected, running.message_event.is_set()) == (True, True)
    assert not line.protocol.pipeline


async def _spoken(sent: bytes, *, unread_s: float, reads: bool) -> tuple[bytes, str | None]:
    """Send on a real socket, end that half; return what comes, and why the line was cut."""
    loop, said, cuts = asyncio.get_running_loop(), b"", asyncio.Queue[str]()
    ended = asyncio.Event()

    async def answers(scope: Scope, _: Receive, send: Send) -> None:
        body = BODY[: int(scope["path"][1:])]
        if len(body) % 2:
            await ended.wait()
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    make: Any = bounded(None, cut=cuts.put_nowait, fresh_id=str, bounds=Bounds(unread_s=unread_s))
    config = uvicorn.Config(answers, interface="asgi3", log_config=None, lifespan="off")
    state = ServerState()
    server = await loop.create_server(lambda: make(config, state, {}), "127.0.0.1", 0)
    async with server:
        with closing(socket.create_connection(server.sockets[0].getsockname())) as caller:
            caller.setblocking(False)
            await loop.sock_sendall(caller, sent)
            caller.shutdown(socket.SHUT_WR)
            ended.set()
            while reads and (part := await loop.sock_recv(caller, 65_536)):
                said += part
            return said, None if reads else await cuts.get()


def test_spoken() -> None:
    """On a real socket all the answers come whole, slow ones and quick ones, and then the end."""
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % size for size in (7, 8, 200_001))
    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        said, cut = runner.run(_spoken(sent, unread_s=9, reads=True))

    answers = said.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [
        BODY[:size] for size in (7, 8, 200_001)
    ]
    assert cut is None


def test_never_read() -> None:
    """Who ended its half and reads nothing is cut off as everybody else."""
    sent = b"GET /20000000 HTTP/1.1\r\nHost: a\r\n\r\n" * 3
    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        said, cut = runner.run(_spoken(sent, unread_s=0.05, reads=False))

    assert (said, cut) == (b"", "unread")
