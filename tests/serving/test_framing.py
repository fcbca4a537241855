"""What comes behind a head and is no body, read by read."""

from typing import Literal

import pytest

from tests.support.consumers import key_of, required
from tests.support.line import GET, Line
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network
from tests.support.upstream import FakeUpstream
from tests.support.wire import served

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
FIELDS = [b"host", b"transfer-encoding"]
FIVE = b"5\r\nabcde\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"0\r\nA: b\r\n\r\n"],
        [HEAD, b"0\r\nA: b\r\n\r\n"],
        [HEAD, b"0\r\n", b"A: b\r", b"\n\r\n"],
        [HEAD + FIVE, b"0\r\nA: b\r\nExpect: 100-continue\r\n", b"\r\n"],
    ],
    ids=["one read", "behind the head", "in pieces", "behind a body"],
)
def test_dropped(parts: list[bytes]) -> None:
    """Fields behind a body are no fields of the request (RFC 9110 6.5.1)."""
    line = Line()
    line.hear(*parts)
    cycle = line.protocol.cycle

    assert (line.cuts, line.transport.sent, cycle.more_body) == ([], b"", False)
    assert [name for name, _ in cycle.scope["headers"]] == FIELDS
    assert not cycle.waiting_for_100_continue
    line.answer()
    line.hear(GET)
    assert [name for name, _ in line.protocol.cycle.scope["headers"]] == [b"host"]


@pytest.mark.parametrize("door", [True, False], ids=["with the door", "without"])
@pytest.mark.parametrize("fastlane", ["protocol", "asgi", "off"])
@pytest.mark.parametrize("cut", [0, 2], ids=["one read", "two reads"])
async def test_mean_nothing(
    *, fastlane: Literal["protocol", "asgi", "off"], door: bool, cut: int
) -> None:
    """Whichever way requests go: what a trailer says is not obeyed, key, name and condition."""
    settings = configured(
        "eu2", fastlane=fastlane, cors_origins=["https://a.example"], **required(bi={})
    )
    behind = b"0\r\n%bX-Request-Id: sent\r\nOrigin: https://a.example\r\n\r\n"
    head = b"GET /v1/accounts HTTP/1.1\r\nHost: a\r\n%bTransfer-Encoding: chunked\r\n\r\n"
    key = b"X-API-Key: %b\r\n" % key_of("bi").encode()
    app = built(settings, network({"eu2": FakeUpstream()}), FakeTime())
    async with served(app, door=door and fastlane == "protocol") as server:
        out = head % b"" + behind % key
        known = head % key + behind % b"Authorization: Bearer x\r\nIf-None-Match: *\r\n"
        answers = [
            await server.connect().ask(sent[: len(sent) - cut], sent[len(sent) - cut :])
            for sent in (out, known)
        ]

    assert [answer[9:12] for answer in answers] == [b"401", b"200"]
    assert not any(b": sent\r\n" in answer or b"access-control" in answer for answer in answers)


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"0\r\n" + b"a: b\r\n" * 6],
        [HEAD + b"0\r\n", *[b"a: b\r\n"] * 6],
        [HEAD + b"0\r\n" + b"a: b\r\n" * 5 + b"\r\n"],
        [HEAD + b"0\r\na: " + b"b" * 200 + b"\r\n\r\n"],
        [HEAD + b"0\r\n", b"a: ", *[b"b" * 40] * 6],
        [HEAD + b"0\r\n", *[b"a" * 41] * 5],
        [HEAD, b"5;", *[b"a" * 40] * 6],
        [HEAD, b"5;a=", *[b"a" * 40] * 6],
        [HEAD, b'5;a="', *[b"a" * 40] * 6],
        [HEAD, *[b"0" * 40] * 6],
        [HEAD + FIVE, b"0;", *[b"a" * 40] * 6],
        [HEAD[:9], HEAD[9:], b"5\r\nab", b"cde", b"\r\n0", *[b"0" * 40] * 6],
    ],
    ids=[
        "fields", "fields in pieces", "fields with an end", "field", "endless value",
        "endless name", "extension", "its value", "its quoted value", "size", "last extension",
        "last size",
    ],
)  # fmt: skip
def test_endless(parts: list[bytes]) -> None:
    """What is no body is bounded as a head is, whether it has an end or not."""
    line = Line()
    line.hear(*parts)

    assert line.cuts == ["head"]
    assert line.transport.sent.startswith(b"HTTP/1.1 431 ")
    assert line.protocol.cycle.disconnected
    assert line.loop.waiting() == [1]


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD, *[b"1\r\na\r\n"] * 99, b"0\r\n\r\n"],
        [HEAD + b"1\r\na\r\n" * 99, b"1\r\na\r\n" * 99 + b"0\r\n\r\n"],
        [HEAD, b"1f4\r\n", *[b"a" * 100] * 5, b"\r\n", b"0\r\n\r\n"],
        [HEAD, *[b"5;a=" + b"b" * 90, b"\r\nabcde\r\n"] * 5, b"0\r\n", b"a: b\r\n" * 4, b"\r\n"],
    ],
    ids=["small chunks", "many in a read", "a large one", "extensions and fields"],
)
def test_enough_room(parts: list[bytes]) -> None:
    """Chunks of any size may follow each other, each with what a head may have."""
    line = Line()
    line.hear(*parts)

    assert line.cuts == []
    assert not line.protocol.cycle.more_body


@pytest.mark.parametrize("broken", [b"ZZ\r\n", b"5\r\nabcdefg", b"0\r\n: b\r\n\r\n"])
@pytest.mark.parametrize("before", [b"", HEAD + b"0\r\n\r\n"], ids=["first", "second"])
def test_broken_body(before: bytes, broken: bytes) -> None:
    """A request whose own body breaks is told that nobody waits, and its caller why."""
    line = Line()
    if before:
        line.hear(before)
        line.answer()
    line.hear(HEAD, broken)
    cycle = line.protocol.cycle

    assert (line.cuts, line.loop.waiting()[-1]) == (["parse"], 1)
    assert line.transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert cycle.disconnected
    assert cycle.message_event.is_set()


def test_broken_behind_running() -> None:
    """Where the broken one has not begun, the one before it is answered, and no word follows."""
    line = Line()
    line.hear(GET)
    running = line.protocol.cycle
    line.hear(HEAD + b"ZZ\r\n")

    assert (line.cuts, line.transport.sent, line.transport.ended) == (["parse"], b"", "")
    assert (running.disconnected, running.keep_alive) == (False, False)
    assert not line.protocol.pipeline


@pytest.mark.parametrize("whole", [True, False], ids=["to the end", "to its begin"])
def test_broken_behind_answer(*, whole: bool) -> None:
    """One answer is enough: a body that breaks behind it ends the connection without a word."""
    line = Line()
    line.hear(HEAD)
    line.protocol.cycle.response_started = True
    if whole:
        line.answer()
    line.hear(b"ZZ\r\n")

    assert (line.cuts, line.transport.sent, line.transport.ended) == (["parse"], b"", "closed")
    assert line.loop.waiting()[-1] == 30


def test_no_target() -> None:
    """A target that is none is refused as a part of the head, also behind an answer."""
    line = Line()
    line.hear(GET)
    line.protocol.cycle.response_started = True
    line.answer()
    line.hear(b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n")

    assert line.transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
