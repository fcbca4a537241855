"""Who connects to a listener that speaks TLS."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial
from typing import Any, cast

import pytest
import trustme
from typing_extensions import override

from app.serving.arrivals import Arrival, TlsServer
from app.serving.loop import ServerLoop


class Guest(asyncio.Protocol):
    """Notes what it is told, and lets its caller in or not."""

    def __init__(self, told: "asyncio.Queue[str]", *, place: bool = True) -> None:
        self.told, self.place = told, place

    def arrive(self, arrival: Arrival) -> bool:
        """Leave at once when there is no place, but politely."""
        self.told.put_nowait("arrived")
        self.arrival = arrival
        return self.place

    def make_way(self) -> None:
        """End."""
        self.told.put_nowait("made way")
        self.arrival.abort()

    def depart(self) -> None:
        """Go."""
        self.told.put_nowait("departed")

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self.told.put_nowait("made")
        cast("asyncio.Transport", transport).write(b"hello")


class Hasty(ServerLoop):
    """Waits for a moment only."""

    handshake_s = 0.01


class Crowded(ServerLoop):
    """Agrees with two at a time, and has patience with them."""

    handshakes = 2
    patience_s = 60.0


class Impatient(Crowded):
    """Agrees with two at a time, who have to be quick."""

    patience_s = 0.01


def run(work: Callable[[], Coroutine[Any, Any, None]], loop: type[ServerLoop] = ServerLoop) -> None:
    """Run on a loop of this kind."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work())


async def listening(guest: Callable[[], Guest], tls: ssl.SSLContext) -> tuple[Any, tuple[str, int]]:
    """Return a server, and where it is."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    return await loop.create_server(guest, sock=listener, ssl=tls), listener.getsockname()


def test_silent() -> None:
    """Who connects and says nothing is let go of after seconds, and gives its place back."""

    async def silent() -> None:
        told = asyncio.Queue[str]()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server, address = await listening(lambda: Guest(told), tls)
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b""
        writer.close()
        assert [await told.get() for _ in range(2)] == ["arrived", "departed"]
        server.close()

    run(silent, Hasty)
    assert ServerLoop.handshake_s == 5


def test_made() -> None:
    """With TLS agreed on the connection is made."""
    tls, trusting = agreeing()

    async def speak() -> None:
        told = asyncio.Queue[str]()
        server, address = await listening(lambda: Guest(told), tls)
        reader, writer = await asyncio.open_connection(*address, ssl=trusting)
        assert await reader.readexactly(5) == b"hello"
        assert [await told.get() for _ in range(3)] == ["arrived", "made", "departed"]
        writer.transport.abort()
        server.close()
        await server.wait_closed()

    run(speak)


def agreeing() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server and its callers speak TLS by."""
    ca = trustme.CA()
    tls, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.configure_trust(trusting)
    return tls, trusting


async def greeted(address: tuple[str, int], trusting: ssl.SSLContext) -> bytes:
    """Connect, and return what is heard."""
    reader, writer = await asyncio.open_connection(*address, ssl=trusting)
    heard = await reader.readexactly(5)
    writer.transport.abort()
    return heard


def test_many_at_once() -> None:
    """Of many who come at once and speak TLS all get in, a few at a time, and none makes room."""
    tls, trusting = agreeing()

    async def come() -> None:
        told = asyncio.Queue[str]()
        server, address = await listening(lambda: Guest(told), tls)
        heard = await asyncio.gather(*(greeted(address, trusting) for _ in range(20)))
        server.close()

        assert heard == [b"hello"] * 20
        assert "made way" not in [told.get_nowait() for _ in range(told.qsize())]

    run(come, Crowded)


def test_crowd_of_silent() -> None:
    """Where all who are let in say nothing, they make room one by one for who comes next."""
    tls, trusting = agreeing()

    async def come() -> None:
        told = asyncio.Queue[str]()
        server, address = await listening(lambda: Guest(told), tls)
        with ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(socket.create_connection(address))
            assert await greeted(address, trusting) == b"hello"
        server.close()

        assert [told.get_nowait() for _ in range(told.qsize())].count("made way") == 4

    run(come, Impatient)


@pytest.mark.parametrize("place", [True, False], ids=["makes way", "no place"])
def test_ended(place: bool) -> None:  # noqa: FBT001
    """Who has no place, or makes way for another, ends at once, long before its time."""

    async def end() -> None:
        told = asyncio.Queue[str]()
        guests = list[Guest]()

        def make() -> Guest:
            guests.append(Guest(told, place=place))
            return guests[-1]

        server, address = await listening(make, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        reader, writer = await asyncio.open_connection(*address)
        assert await told.get() == "arrived"
        guests[0].arrival.abort()
        assert await reader.read() == b""
        guests[0].arrival.close()
        assert await told.get() == "departed" if place else told.empty()
        writer.close()
        server.close()

    run(end)


def test_many() -> None:
    """Of those who come at the same time all arrive, also more than are looked at in one go."""

    async def come() -> None:
        told = asyncio.Queue[str]()
        guest = partial(Guest, told, place=False)
        server, address = await listening(guest, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        with ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(socket.create_connection(address))
            assert [await told.get() for _ in range(40)] == ["arrived"] * 40
        server.close()

    run(come)


class Full:
    """A listener, and its loop, of a system that has no descriptor left."""

    def __init__(self) -> None:
        self.reads: list[bool] = []
        self.later: Callable[[], None] | None = None

    def setblocking(self, blocking: bool) -> None:  # noqa: FBT001
        """Agree."""

    def accept(self) -> None:
        """Fail."""
        raise OSError(errno.EMFILE, "too many open files")

    def add_reader(self, _: object, call: Callable[[], None]) -> None:
        """Note it."""
        self.reads.append(True)
        self.accepts = call

    def remove_reader(self, _: object) -> None:
        """Note it."""
        self.reads.append(False)

    def call_later(self, _: float, call: Callable[[], None]) -> "Full":
        """Be a timer, too."""
        self.later = call
        return self

    def cancel(self) -> None:
        """Note it."""
        self.cancelled = True

    def close(self) -> None:
        """Agree."""


def test_no_descriptor() -> None:
    """Where the system has none for one more the listener pauses, instead of trying for ever."""
    full = Full()
    there = cast("Any", full)
    server = TlsServer(there, there, there, there, handshake_s=1, handshakes=1, patience_s=1)
    full.accepts()
    assert full.reads == [True, False]
    assert full.later is not None
    full.later()
    full.accepts()
    server.close()

    assert full.reads == [True, False, True, False, False]
    assert full.cancelled


def test_plain_listener() -> None:
    """Without TLS there is no handshake to wait for."""

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        (await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)).close()

    run(listen)
