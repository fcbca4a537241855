"""Connections to the whole service without a socket: bytes in, bytes out, exactly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.serving.bounds import Bounds
from app.serving.connections import bounded
from tests.support.pipe import Pipe

TRACEPARENT = f"00-{'1' * 32}-{'2' * 16}-01"
TURNS = 200  # of the event loop, after which nobody answers any more


class Jammable(Pipe):
    """A pipe from `peer`; when `jammed`, its buffer is full at once."""

    def __init__(self, peer: str) -> None:
        super().__init__({"sockname": ("127.0.0.1", 80), "peername": (peer, 9)})
        self.jammed = False
        self.protocol: HttpToolsProtocol | None = None

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        if self.jammed and self.protocol is not None:
            self.protocol.pause_writing()

    @override
    def can_write_eof(self) -> bool:
        return False


class Wire:
    """A connection; `asgi_calls` counts the requests of all connections that came to ASGI."""

    def __init__(self, server: "Server", peer: str) -> None:
        self.pipe = Jammable(peer)
        self.protocol = self.pipe.protocol = server.protocol()
        self.protocol.connection_made(self.pipe)

    async def ask(self, *pieces: bytes) -> bytes:
        """Send `pieces`, and return what comes back until all is quiet."""
        self.pipe.sent = b""
        for piece in pieces:
            self.protocol.data_received(piece)
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if self.pipe.sent and not self.protocol.tasks:
                break
        return self.pipe.sent


class Server:
    """The service behind the protocol that it is served by, with the lane's `door` or without."""

    def __init__(self, app: FastAPI, *, door: bool) -> None:
        self.asgi_calls = 0
        self._app = app
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Mon, 23 Nov 2026 10:00:00 GMT")]
        self.cuts: list[str] = []
        kind = bounded(
            app.state.lane if door else None,
            cut=self.cuts.append,
            fresh_id=lambda: "refused",
            bounds=Bounds(),
        )
        self._kind = cast("type[HttpToolsProtocol]", kind)
        self._config = uvicorn.Config(
            self._count,
            interface="asgi3",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )

    def protocol(self) -> HttpToolsProtocol:
        """Return the protocol of a new connection."""
        return self._kind(config=self._config, server_state=self.state, app_state={})

    @property
    def heads(self) -> dict[bytes, Any]:
        """The request heads that the door remembers."""
        return cast("Any", self.protocol()).heads  # type: ignore[no-any-return]

    def connect(self, peer: str = "127.0.0.1") -> Wire:
        """Return a new connection from `peer`."""
        return Wire(self, peer)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asgi_calls += 1
        await self._app(scope, receive, send)


@asynccontextmanager
async def served(app: FastAPI, *, door: bool = True) -> AsyncIterator[Server]:
    """Serve `app` around the block."""
    async with app.router.lifespan_context(app):
        yield Server(app, door=door)


def request(target: str = "/v1/tasks", method: str = "GET", **headers: Any) -> bytes:
    """Return the bytes of a request; names of headers have `_` for `-`.

    It has an id and a trace of its own, so that answers are alike; with None for the id, neither.
    """
    trace = TRACEPARENT if headers.get("x_request_id", "") is not None else None
    fields = {"host": "gate", "x-request-id": "r-1", "traceparent": trace} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()
