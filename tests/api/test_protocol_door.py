"""The lane's door in uvicorn's protocol: order, back-pressure, and the ends of connections."""

from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from tests.api.test_fastlane import app_in, learned
from tests.support.platform import FakeTime
from tests.support.serving import idle
from tests.support.wire import request, served

HIT, MISS = request(), request("/v1/tasks?limit=3")
CLOSING = request(connection="close")


async def test_pipelined() -> None:
    """Answers leave in the order of the requests, whichever way each goes."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        requests = [request(x_request_id=str(number)) for number in range(3)]
        slow = request("/v1/tasks?limit=3", x_request_id="slow")
        answer = await wire.ask(b"".join([requests[0], slow, *requests[1:]]))
        ids = [part.split(b"\r\n")[0] for part in answer.split(b"x-request-id: ")[1:]]

    assert ids == [b"0", b"slow", b"1", b"2"]
    assert server.asgi_calls == 3


async def test_while_another_runs() -> None:
    """A head seen before waits its turn while an earlier request of its connection runs."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        answer = await server.connect().ask(MISS, HIT)

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200"]
    assert answer.index(b"fwd=miss") < answer.index(b"; hit;")


async def test_in_pieces() -> None:
    """A head that comes in pieces is answered like a whole one, and leaves the next in order."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        whole = await wire.ask(HIT)
        pieces = [await wire.ask(HIT[:at], HIT[at:]) for at in (1, 9, len(HIT) - 1)]
        begun = await wire.ask(HIT + HIT[:9], HIT[9:])

    assert pieces == [whole] * 3
    assert begun == whole * 2
    assert server.asgi_calls == 0


async def test_slow_reader() -> None:
    """Who does not take what is sent gets no more from the lane until there is room again."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        one = await wire.ask(HIT)
        wire.pipe.jammed = True
        jammed = await wire.ask(HIT * 5)
        wire.pipe.jammed, wire.pipe.sent = False, b""
        wire.protocol.resume_writing()
        rest = await wire.ask(b"")

    assert jammed == one
    assert len(rest) == 4 * len(one)


async def test_closing() -> None:
    """Who asks for it is told that the connection closes, and nothing is answered after that."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT, CLOSING)
        first, again, both = [server.connect() for _ in range(3)]
        told = await first.ask(CLOSING)
        repeated = await again.ask(CLOSING)
        await both.ask(CLOSING + HIT)

    assert told == repeated
    assert told.split(b"\r\n\r\n")[0].endswith(b"\r\nconnection: close")
    assert all(wire.pipe.is_closing() for wire in (first, again, both))
    assert both.pipe.sent == told


@pytest.mark.parametrize("wish", [None, "keep-alive"], ids=["plain", "keep-alive"])
async def test_http_1_0(wish: str | None) -> None:
    """A client of HTTP/1.0 gets its answer and the end of the connection, as from uvicorn."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        answer = await wire.ask(request(connection=wish).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert b"connection: close" in answer
    assert (wire.pipe.is_closing(), server.asgi_calls) == (True, 0)


async def test_keep_alive() -> None:
    """An idle connection is closed after uvicorn's time, counted from its last answer."""
    time = FakeTime()
    async with served(app_in("protocol", time)) as server:
        await learned(server, HIT)
        wire = server.connect()
        await wire.ask(HIT)
        time.now += 3
        await wire.ask(HIT)
        time.now += 4
        wire.protocol.timeout_keep_alive_handler()
        early = wire.pipe.is_closing()
        time.now += 1
        wire.protocol.timeout_keep_alive_handler()
        wire.protocol.connection_lost(None)

    assert (early, wire.pipe.is_closing()) == (False, True)


@pytest.mark.parametrize("times", [1, 2], ids=["head seen before", "parsed"])
async def test_idle_from_the_lane_on(times: int) -> None:
    """A connection whose every answer was the lane's is closed, too, when it is idle."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        wire.protocol.timeout_keep_alive = 0
        answer = await wire.ask(HIT * times)
        await idle()

    assert answer.count(b"HTTP/1.1 200 ") == times
    assert (wire.pipe.is_closing(), server.asgi_calls) == (True, 0)


class Torn:
    """What makes no wire."""

    def make(self, *_: Any) -> NoReturn:
        """Fail."""
        raise ValueError("torn")


async def test_bug_before_the_answer() -> None:
    """A bug in the lane is logged and not the caller's mistake: the slow way answers."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        wire.protocol.wires = Torn()  # type: ignore[attr-defined]  # the door's own
        with capture_logs() as lines:
            answer = await wire.ask(request(tracestate="new"))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (server.asgi_calls, server.cuts) == (1, [])
    assert [str(line["exc_info"]) for line in lines if line["event"] == "lane_failed"] == ["torn"]


async def test_bug_behind_the_answer() -> None:
    """Nothing follows an answer of which a bug leaves unknown how much was sent."""

    def fail(*_: Any) -> NoReturn:
        raise ValueError("torn")

    app = app_in("protocol", FakeTime())
    async with served(app) as server:
        await learned(server, HIT)
        wire = server.connect()
        app.state.lane.sent = fail
        with capture_logs() as lines:
            answer = await wire.ask(request(tracestate="new") + HIT)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert (wire.pipe.is_closing(), server.cuts) == (True, [])
    assert [line["event"] for line in lines if line["event"] == "lane_failed"] == ["lane_failed"]


async def test_shutdown() -> None:
    """A connection that only ever had answers of the lane closes when the server stops."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, HIT)
        wire = server.connect()
        await wire.ask(HIT)
        wire.protocol.shutdown()

    assert wire.pipe.is_closing()
    assert server.state.total_requests >= 4


async def test_head_seen_before() -> None:
    """Bytes seen before are answered unparsed, each time under an id of its own."""
    plain = request(x_request_id=None)
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, plain)
        wire = server.connect()
        answers = {await wire.ask(plain) for _ in range(4)}

    assert len(answers) == 4
    assert server.asgi_calls == 0


async def test_other_names() -> None:
    """A head seen before but for its names is answered unparsed, under the names that it has."""
    traced = f"00-{'3' * 32}-{'4' * 16}-00"
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, request(x_request_id=None))
        wire = server.connect()
        wire.protocol.parser = None  # type: ignore[assignment]  # nobody may ask it
        named = await wire.ask(request(x_request_id="other", traceparent=traced))
        unnamed = await wire.ask(request(x_request_id="", traceparent=""))

    assert b"\r\nx-request-id: other\r\n" in named
    assert f"\r\ntraceparent: {traced}\r\n".encode() in named
    assert b"\r\nx-request-id: \r\n" not in unnamed


@pytest.mark.parametrize(
    "odd",
    [
        HIT[:-2] + b"\r\nX-Request-Id: a\r\n\r\n",
        HIT[:-4] + b"\r\nX-Request-Id: a\x00\r\n\r\n",
        HIT[:-4] + b"\r\nX-Request-Id: a\nX: b\r\n\r\n",
        b"\r\ntraceparent: x" + HIT,
    ],
    ids=["after the head", "control character", "half a line", "before the head"],
)
async def test_odd_names(odd: bytes) -> None:
    """What stands beside a head, or is no name, is the parser's, whatever was seen before."""
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, request(x_request_id=None))
        await learned(server, HIT)
        answer = await server.connect().ask(odd)

    assert b"HTTP/1.1 400" in answer
    assert server.cuts == ["parse"]


async def test_line_before_the_head() -> None:
    """A head that came after an empty line lets no field stand before the next one."""
    plain = b"\r\n" + request(x_request_id=None)
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, plain)
        answer = await server.connect().ask(b"\r\nX-Request-Id: a" + plain)

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_many_fields() -> None:
    """A head with as many fields as may be is not known again with one more."""
    most = request(x_request_id=None, **{f"x_{number}": "b" for number in range(99)})
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, most)
        answer = await server.connect().ask(most[:-2] + b"X-Request-Id: a\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_large_body() -> None:
    """A body too large to be copied leaves whole."""
    large = request("/v1/tasks?limit=12&include=raw")
    async with served(app_in("off", FakeTime()), door=False) as server:
        await learned(server, large)
        slow = await server.connect().ask(large)
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, large)
        fast = await server.connect().ask(large)

    assert len(fast) > 16_384
    assert fast == slow
    assert server.asgi_calls == 0


async def test_wires_are_let_go() -> None:
    """An answer that nobody asked for of late takes no memory for its head as it is sent."""
    time = FakeTime()
    others = [request(f"/v1/tasks?limit={number}") for number in (2, 4)]
    app = app_in("protocol", time)
    async with served(app) as server:
        await learned(server, HIT, *others)
        time.now += 0.5
        for each in (HIT, *others):
            await server.connect().ask(each)
        before = wires(app)
        time.now += 1
        await server.connect().ask(HIT)

    assert (before, wires(app)) == (3, 1)


def wires(app: Any) -> int:
    """Return how many replies stand ready as they are sent."""
    replies = app.state.lane._replies.values()  # noqa: SLF001  # nothing else shows it
    return sum(reply.wire is not None for reply in replies)


async def test_heads_are_bounded() -> None:
    """Heads that never come again push out the oldest."""
    app = app_in("protocol", FakeTime())
    async with served(app) as server:
        await learned(server, request(x_request_id=None))
        wire = server.connect()
        for number in range(1030):
            wire.protocol.data_received(request(x_request_id=None, tracestate=number))

    assert len(server.heads) == 1024
    assert not any(b"tracestate: 0\r\n" in head for head in server.heads)


async def test_flood_of_heads() -> None:
    """A head that came again stays, however many come that never do."""
    plain = request(x_request_id=None)
    async with served(app_in("protocol", FakeTime())) as server:
        await learned(server, plain, plain)
        wire = server.connect()
        for number in range(1030):
            wire.protocol.data_received(request(x_request_id=None, tracestate=number))

    assert len(server.heads) == 1024
    assert plain in server.heads


async def test_no_http_behind() -> None:
    """A good request is answered although what follows it is no HTTP; that answer is the last."""
    async with served(app_in("off", FakeTime()), door=False) as server:
        wire = server.connect()
        answer = await wire.ask(request() + b"\x16\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert wire.pipe.is_closing()
