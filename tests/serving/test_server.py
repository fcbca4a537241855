"""How the server stops."""

import asyncio
import socket
from contextlib import closing

import uvicorn
from typing_extensions import override

from app.api.health import Readiness
from app.serving.server import Server, configure, listen
from tests.support.line import GET, Line, Transport, no_app


class Hasty(Server):
    """Waits for a moment only."""

    parting_s = 0.001


class Parting(Transport):
    """Over TLS, to a caller who agrees to no end."""

    def __init__(self) -> None:
        super().__init__(eof=False)
        self.left = asyncio.Event()

    @override
    def abort(self) -> None:
        super().abort()
        self.left.set()


def asked(server: Server) -> tuple[Line, Parting]:
    """Return a connection of this server on which an answer is awaited."""
    line, transport = Line(made=False), Parting()
    line.transport = transport
    line.protocol.connection_made(transport)
    line.hear(GET)
    server.server_state.connections.add(line.protocol)
    return line, transport


def test_believes_nobody() -> None:
    """Who asks, and how, is read by the service alone, which believes those that it is told to."""
    config = configure(no_app, asyncio.Protocol, tls=None)

    assert not config.proxy_headers


def test_unread_in_the_kernel() -> None:
    """Of a caller who reads nothing the kernel holds 256 KiB at most (Linux doubles the number)."""
    with closing(listen("127.0.0.1", 0)) as listener:
        held_bytes = listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    assert held_bytes <= 262_144


async def test_parting() -> None:
    """Who rests and agrees to no end is ended soon; who is being answered, after that."""
    config = uvicorn.Config(no_app, lifespan="off", log_config=None)
    config.load()
    readiness = Readiness(degraded=lambda: False, overloaded=lambda: False)
    with closing(socket.socket()) as listener:
        server = Hasty(config, listener, readiness)
        server.lifespan, server.servers = config.lifespan_class(config), []
        (first, resting), (second, answered) = asked(server), asked(server)
        first.answer()
        ending = asyncio.create_task(server.shutdown())
        await resting.left.wait()
        assert not answered.ended
        second.answer()
        second.transport.close()
        await answered.left.wait()
        server.server_state.connections.clear()
        await ending
    assert Server.parting_s == 0.5
