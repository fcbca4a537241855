"""Who has a place, and who makes room where no more fit."""

import pytest
from typing_extensions import override

from app.serving.arrivals import Arrival
from tests.support.line import BOUNDS, GET, Line, Transport


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


class Ending(Arrival):
    """Ends as the transport that it would become."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @override
    def abort(self) -> None:
        self._transport.abort()


def arrived(other: Line | None = None) -> tuple[Line, bool]:
    """Return a connection over TLS that is not made yet, and whether it has a place."""
    line = Line(other, eof=False, made=False)
    return line, line.protocol.arrive(Ending(line.transport))


def test_arrivals() -> None:
    """Before TLS is agreed on a connection takes its place, and makes way like any other."""
    first, _ = arrived()
    answering = Line(first)
    answering.hear(GET)
    second, place = arrived(first)

    assert (first.transport.ended, first.cuts, place) == ("aborted", ["crowded"], True)
    first.protocol.depart()
    second.protocol.connection_made(second.transport)
    second.protocol.depart()
    assert first.state.connections == {answering.protocol, second.protocol}
    assert second.loop.waiting() == [BOUNDS.request_s]
    second.hear(GET)
    assert second.waiting == {}


def test_no_place() -> None:
    """Where all are being answered one arrives to be told so, and no more."""
    lines = [Line()]
    lines.append(Line(lines[0]))
    for line in lines:
        line.hear(GET)
    told, place = arrived(lines[0])
    told.protocol.connection_made(told.transport)
    one_more, none = arrived(lines[0])

    assert (place, none) == (True, False)
    assert told.transport.sent.startswith(b"HTTP/1.1 503 ")
    assert (told.cuts, one_more.cuts) == (["connections"], ["connections"])
    assert len(told.state.connections) == 3


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


def test_parting() -> None:
    """Over TLS who was told the end, and does not agree to it, makes room; but only once."""
    lines = [Line(eof=False)]
    lines.append(Line(lines[0], eof=False))
    for line in lines:
        line.hear(GET)
    lines[1].hear(GET)
    lines[0].answer()
    lines[0].transport.close()
    lines += [Line(lines[0], eof=False) for _ in range(2)]

    assert [line.cuts for line in lines] == [["crowded"], [], ["crowded"], []]
