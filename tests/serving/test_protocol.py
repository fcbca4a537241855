"""The connection's bounds, on a loop and a transport that are moved by hand."""

import re

import pytest

from tests.support.line import BOUNDS, GET, Line


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
    [
        [],
        [GET[:9]],
        [GET[:9], GET[9:20]],
        [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", b"x"],
    ],
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


def test_empty_lines() -> None:
    """Empty lines after a request are no part of one (RFC 9112 2.2): nothing more is awaited."""
    line = Line()
    line.hear(GET, b"\r\n")
    assert line.loop.waiting() == []
    line.answer()
    line.hear(b"\r\n", b"\r", b"\n")
    assert (line.loop.waiting(), line.waiting) == ([line.protocol.timeout_keep_alive], {})
    assert line.protocol.idles()
    line.hear(b"G")
    assert line.loop.waiting() == [10]
    line.hear(GET[1:])

    assert (line.loop.waiting(), line.cuts, line.transport.sent) == ([], [], b"")


def test_end_of_body() -> None:
    """What ends a body is no empty line, however long it is."""
    line = Line()
    line.hear(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n", b"a" * 300)

    assert line.cuts == []


@pytest.mark.parametrize("before", [[], [GET]], ids=["first", "behind a request"])
def test_endless_lines(before: list[bytes]) -> None:
    """Without an end they are refused as a head is; those before another request don't count."""
    line = Line()
    line.hear(
        *before, *[b"\r\n" * 40] * 2, b"GET", b" /" + b"a" * 150, GET[4:], *[b"\r\n" * 40] * 2
    )
    assert line.cuts == []
    line.hear(b"\r\n" * 40)

    assert line.cuts == ["head"]


@pytest.mark.parametrize(
    ("head", "served"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True, id="one"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", False, id="none"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", False, id="two"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", True, id="older, none"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", False, id="older, two"),
        pytest.param(b"GET / HTTP/0.9\r\n\r\n", False, id="oldest, none"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", False, id="newer, none"),
    ],
)
def test_host(head: bytes, *, served: bool) -> None:
    """A request names one Host, but a client of HTTP/1.0 may name none (RFC 9112 3.2)."""
    line = Line()
    line.hear(head)

    assert line.transport.sent.startswith(b"" if served else b"HTTP/1.1 400 Bad Request\r\n")
    assert bool(line.transport.sent) is not served
    assert line.cuts == ([] if served else ["parse"])


@pytest.mark.parametrize(
    ("host", "served"),
    [
        *[(host, True) for host in ("", ":80", "a-b_c.example", "a.", "127.0.0.1:8080", "a \t")],
        *[(host, True) for host in ("[::1]", "[fe80::1%25eth0]:443", "%41", "a,b")],
        *[(host, False) for host in ("a, b", "a b", "u@a", "a/b", "a:b", "a:1:2", "::1", "[]")],
        *[(host, False) for host in ("[::1", "a?b", "http://a", "\xe9", "a\tb", '"a"')],
    ],
)
def test_host_value(host: str, *, served: bool) -> None:
    """A Host is a name, which may be empty, or an address, and a port; else it is 400."""
    line = Line()
    line.hear(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode("latin-1"))

    assert line.cuts == ([] if served else ["parse"])
    assert line.transport.sent.startswith(b"" if served else b"HTTP/1.1 400 Bad Request\r\n")


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
    assert re.search(rb"\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n", head)
    assert b"\r\nx-content-type-options: nosniff\r\n" in head
    assert b"strict-transport-security" not in head
    assert b'"code":"headers-too-large"' in body
    assert (line.transport.half, line.cuts) == (True, ["head"])
    line.loop.fire()
    assert line.transport.ended == "aborted"


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "behind a request"])
@pytest.mark.parametrize(("size", "cuts"), [(200, []), (201, ["head"])], ids=["fits", "too much"])
def test_head_in_pieces(before: bytes, size: int, cuts: list[str]) -> None:
    """However a head comes in pieces, its bound is the same to the byte."""
    start, end = b"GET / HTTP/1.1\r\nHost: a\r\nA: ", b"\r\n\r\n"
    head = start + b"a" * (size - len(start + end)) + end
    for first in range(1, len(head)):
        for second in range(first, len(head), 19):
            line = Line()
            line.hear(before + head[:first], head[first:second], head[second:])
            assert line.cuts == cuts, (first, second)


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


@pytest.mark.parametrize(
    ("ahead", "cuts"), [(5, []), (6, ["pipelined"])], ids=["just few enough", "one too many"]
)
@pytest.mark.parametrize(
    "large",
    [
        [b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 4_600 + b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:\r\n" * 24 + b"\r\n"],
        [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n", *[b"a" * 1_100] * 5],
    ],
    ids=["head", "many small fields", "body in parts"],
)
def test_large_ahead(large: list[bytes], ahead: int, cuts: list[str]) -> None:
    """The more a head or a body takes here, the fewer may wait before it: none is kept for long."""
    line = Line(bounds=BOUNDS._replace(head_bytes=9_000, head_fields=30))
    line.hear(GET * ahead, *large)

    assert line.cuts == cuts


def test_no_http() -> None:
    """What is no HTTP is refused with a problem; over TLS the end can't be half."""
    line = Line(eof=False)
    line.hear(b"\x16\x03\x01\r\n\r\n")

    assert line.transport.sent.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nstrict-transport-security: max-age=" in line.transport.sent
    assert (line.transport.half, line.cuts) == (False, ["parse"])


def test_no_http_behind_a_request() -> None:
    """While an answer is on its way no word of ours comes between, and it is the last."""
    line = Line()
    line.hear(GET)
    running = line.protocol.cycle
    line.hear(GET, b"\x16\x03\x01\r\n\r\n", GET)

    assert (line.transport.sent, line.transport.ended) == (b"", "")
    assert (running.disconnected, running.keep_alive) == (False, False)
    assert not line.protocol.pipeline


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


def test_lost() -> None:
    """A connection that broke leaves no timer that would find it closing, and count it unread."""
    line = Line()
    line.hear(GET)
    line.answer()
    line.protocol.connection_lost(ConnectionResetError())

    assert line.loop.waiting() == []
