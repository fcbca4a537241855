"""The connection's bounds, on a loop and a transport that are moved by hand."""

import asyncio
import resource
import ssl
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.server import ServerState

from app.server import BoundedProtocol, Bounds, ServerLoop, bounded, descriptors

GET = b"GET /v1/tasks HTTP/1.1\r\nHost: gate\r\n\r\n"
BOUNDS = Bounds(connections=2, refusals=1, head_bytes=200, head_fields=4, pipelined=16)


class Timer:
    """A call that waits for its time."""

    def __init__(self, after_s: float, call: Callable[[], None]) -> None:
        self.after_s, self.call, self.cancelled = after_s, call, False

    def cancel(self) -> None:
        """Never call."""
        self.cancelled = True


class Loop:
    """Collects timers and tasks; nothing runs by itself."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, after_s: float, call: Callable[[], None]) -> Timer:
        """Collect a timer."""
        self.timers.append(Timer(after_s, call))
        return self.timers[-1]

    def create_task(self, work: Any) -> Any:
        """Drop the work: no answer comes until the test says so."""
        work.close()
        return asyncio.Future(loop=cast("Any", self))

    def time(self) -> float:
        """Stand still."""
        return 0.0

    def get_debug(self) -> bool:
        """Futures ask."""
        return False

    def waiting(self) -> list[float]:
        """Return the times that somebody waits for."""
        return [timer.after_s for timer in self.timers if not timer.cancelled]

    def fire(self) -> None:
        """Let the last timer's time come."""
        self.timers[-1].call()


class Transport(asyncio.Transport):
    """Collects what is written."""

    def __init__(self, *, eof: bool = True) -> None:
        super().__init__()
        self.sent, self.ended, self.eof, self.half = b"", "", eof, False
        self.unsent = 0

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        # As a line over TLS has it, which is also the one that can't half end.
        return None if self.eof else {"sslcontext": True}.get(name)

    @override
    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    @override
    def get_write_buffer_size(self) -> int:
        return self.unsent

    @override
    def can_write_eof(self) -> bool:
        return self.eof

    @override
    def write_eof(self) -> None:
        self.half = True

    @override
    def is_closing(self) -> bool:
        return bool(self.ended)

    @override
    def close(self) -> None:
        self.ended = self.ended or "closed"

    @override
    def abort(self) -> None:
        self.ended = "aborted"

    @override
    def pause_reading(self) -> None:
        """Nothing is read anyway."""

    @override
    def resume_reading(self) -> None:
        """Nothing is read anyway."""


class Line:
    """One connection of a server; what it shares with others is taken from one of them."""

    def __init__(self, other: "Line | None" = None, *, eof: bool = True) -> None:
        self.loop, self.transport, self.cuts = Loop(), Transport(eof=eof), list[str]()
        self.state: ServerState = other.state if other else ServerState()
        self.waiting: dict[BoundedProtocol, float] = other.waiting if other else {}
        self.protocol = BoundedProtocol(
            uvicorn.Config(_app, log_config=None, lifespan="off"),
            self.state,
            {},
            cast("asyncio.AbstractEventLoop", self.loop),
            cut=self.cuts.append,
            fresh_id=lambda: "fresh",
            bounds=BOUNDS,
            waiting=self.waiting,
        )
        self.protocol.connection_made(self.transport)

    def hear(self, *parts: bytes) -> None:
        """Receive bytes."""
        for part in parts:
            self.protocol.data_received(part)

    def answer(self) -> None:
        """Complete the answer of the running request."""
        self.protocol.cycle.response_complete = True
        self.protocol.on_response_complete()


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Never asked here."""


def test_whole_request() -> None:
    """A request that comes at once leaves no timer; between two the keep-alive waits."""
    line = Line()
    line.hear(GET)
    assert line.loop.waiting() == []
    line.answer()

    assert line.loop.waiting() == [line.protocol.timeout_keep_alive]
    line.hear(GET)
    assert (line.loop.waiting(), line.cuts) == ([], [])


@pytest.mark.parametrize(
    "parts",
    [[], [GET[:9]], [GET[:9], GET[9:20]], [b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n", b"x"]],
    ids=["silent", "a part", "parts", "body"],
)
def test_slow(parts: list[bytes]) -> None:
    """All parts of one request share one timer; when it ends, so does the connection."""
    line = Line()
    line.hear(*parts)
    assert line.loop.waiting() == [10]
    line.loop.fire()

    assert (line.transport.ended, line.cuts) == ("closed", ["slow"])
    line.hear(GET)
    assert line.transport.sent == b""


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /?" + b"a" * 200 + b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nA: " + b"a" * 200 + b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n" + b"a: 1\r\n" * 5 + b"\r\n"],
        [b"GET / HTTP/1.1\r\nA: ", *[b"a" * 60] * 4],
    ],
    ids=["target", "field", "fields", "endless"],
)
def test_head(parts: list[bytes]) -> None:
    """A head over its bound is refused with a problem, and nothing more is heard."""
    line = Line()
    line.hear(*parts, GET)

    head, _, body = line.transport.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-request-id: fresh" in head
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    assert b"strict-transport-security" not in head
    assert b'"code":"headers-too-large"' in body
    assert (line.transport.half, line.cuts) == (True, ["head"])
    line.loop.fire()
    assert line.transport.ended == "aborted"


def test_many_small_requests() -> None:
    """Requests that are sent one after another are measured one by one."""
    line = Line()
    line.hear(GET * 9 + GET[:9])
    line.hear(GET[9:])

    assert line.cuts == []


def test_pipelined() -> None:
    """Few requests wait behind the one that runs; with one more all end, and let go of memory."""
    line = Line()
    line.hear(GET * 17)
    assert (line.cuts, len(line.protocol.pipeline)) == ([], 16)
    line.answer()
    line.hear(GET, GET * 9)

    assert (line.transport.sent, line.transport.ended) == (b"", "closed")
    assert (line.cuts, len(line.protocol.pipeline)) == (["pipelined"], 0)


def test_no_http() -> None:
    """What is no HTTP is refused with a problem; over TLS the end can't be half."""
    line = Line(eof=False)
    line.hear(b"\x16\x03\x01\r\n\r\n")

    assert line.transport.sent.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nstrict-transport-security: max-age=" in line.transport.sent
    assert (line.transport.half, line.cuts) == (False, ["parse"])


def test_no_http_behind_a_request() -> None:
    """While an answer is on its way no word of ours comes between."""
    line = Line()
    line.hear(GET, b"\x16\x03\x01\r\n\r\n")

    assert (line.transport.sent, line.transport.ended) == (b"", "closed")


def test_full_house() -> None:
    """Where all are being answered one too many is told so; far too many are not even told."""
    lines = [Line()]
    lines[0].hear(GET)
    for _ in range(3):
        lines.append(Line(lines[0]))
        lines[-1].hear(GET)

    told = [line.transport.sent[:12] for line in lines]
    assert told == [b"", b"", b"HTTP/1.1 503", b""]
    assert b'"code":"overloaded"' in lines[2].transport.sent
    assert lines[3].transport.ended == "aborted"
    for line in lines:
        line.protocol.connection_lost(None)
    assert Line(lines[0]).cuts == []


def test_crowded() -> None:
    """Where no more fit, the one whose request is awaited longest makes room for the next."""
    first = Line()
    second = Line(first)
    second.hear(GET[:9])
    first.hear(GET)
    third = Line(first)
    third.hear(GET)

    assert (second.transport.ended, second.cuts) == ("aborted", ["crowded"])
    assert [line.transport.ended for line in (first, third)] == ["", ""]
    assert (third.cuts, third.transport.sent) == ([], b"")
    second.protocol.connection_lost(None)
    assert first.waiting == {}


def test_idle() -> None:
    """Where no more fit and no request is awaited, who is between two of them makes room."""
    first = Line()
    second = Line(first)
    for line in (first, second):
        line.hear(GET)
    second.answer()
    third = Line(first)
    third.hear(GET)

    assert (second.transport.ended, second.cuts) == ("aborted", ["crowded"])
    assert [line.transport.ended for line in (first, third)] == ["", ""]


@pytest.mark.parametrize(("waited_s", "cut"), [(0.9, "idle"), (1, "silent")])
def test_idle_or_silent(waited_s: float, cut: str) -> None:
    """Who has only just connected stays, before one that is idle; who is long silent does not."""
    idle = Line()
    silent = Line(idle)
    idle.hear(GET)
    idle.answer()
    silent.waiting[silent.protocol] -= waited_s
    Line(idle)

    assert {"idle": idle.cuts, "silent": silent.cuts}[cut] == ["crowded"]
    assert idle.cuts + silent.cuts == ["crowded"]


@pytest.mark.parametrize("state", ["closing", "unsent"])
def test_not_idle(state: str) -> None:
    """Who still takes an answer, or leaves anyway, makes no room."""
    lines = [Line()]
    lines.append(Line(lines[0]))
    for line in lines:
        line.hear(GET)
        line.answer()
        line.transport.unsent = state == "unsent"
        line.transport.ended = "closed" if state == "closing" else ""
    lines.append(Line(lines[0]))

    assert [line.cuts for line in lines] == [[], [], ["connections"]]


def test_waiting() -> None:
    """Nobody is awaited who was cut off, went away or has asked."""
    lines = [Line()]
    lines += [Line(lines[0])]
    lines[0].loop.fire()
    lines[1].hear(b"\x16\x03\x01\r\n\r\n")

    assert (lines[0].cuts, lines[1].cuts) == (["slow"], ["parse"])
    assert lines[0].waiting == {}
    assert lines[1].loop.waiting() == [BOUNDS.linger_s]


def test_unread() -> None:
    """A caller who takes nothing is cut off; one who reads on is not."""
    line = Line()
    line.hear(GET)
    line.protocol.pause_writing()
    line.protocol.pause_writing()
    assert line.loop.waiting() == [30]
    line.protocol.resume_writing()
    line.protocol.resume_writing()
    assert line.loop.waiting() == []
    line.protocol.pause_writing()
    line.loop.fire()

    assert (line.transport.ended, line.cuts) == ("aborted", ["unread"])


@pytest.mark.parametrize("closing", [True, False], ids=["closing", "idle"])
def test_unread_end(closing: bool) -> None:  # noqa: FBT001
    """An end that nobody reads does not last for ever."""
    line = Line()
    line.hear(GET)
    if closing:
        line.transport.close()
        line.answer()
    else:
        line.answer()
        line.loop.fire()

    assert line.loop.timers[-1].after_s == 30
    line.protocol.connection_lost(None)
    assert line.loop.timers[-1].cancelled


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "connections"),
    [
        (1024, 1_048_576, 4256, 4000),
        (1024, 1024, 1024, 768),
        (65_536, 65_536, 65_536, 4000),
        (1024, resource.RLIM_INFINITY, 4256, 4000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4000),
        (64, 64, 64, 1),
    ],
)
def test_descriptors(soft: int, hard: int, limit: int, connections: int) -> None:
    """Connections are bounded below the files that may be open, and those are raised if need be."""
    found, bounds = descriptors(soft, hard)

    assert (found, bounds.connections) == (limit, connections)


class Hasty(ServerLoop):
    """Waits for a moment only."""

    handshake_s = 0.01


def test_handshake() -> None:
    """Who connects to TLS and says nothing is let go of, after seconds."""

    async def silent() -> bytes:
        loop = asyncio.get_running_loop()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        async with await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=tls) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            said = await reader.read()
            writer.close()
        return said

    with asyncio.Runner(loop_factory=Hasty) as runner:
        assert runner.run(silent()) == b""
    assert ServerLoop.handshake_s == 5


def test_plain_listener() -> None:
    """Without TLS there is no handshake to wait for."""

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        (await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)).close()

    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        runner.run(listen())


def test_bounded() -> None:
    """The server makes its protocols with the bounds it was given."""
    make = bounded(None, cut=print, fresh_id=str, bounds=BOUNDS)
    config = uvicorn.Config(_app, http=make, log_config=None)
    config.load()
    made = cast("Any", config.http_protocol_class)(config, ServerState(), {}, Loop())

    assert isinstance(made, BoundedProtocol)
