"""A connection to the whole service without a socket: bytes in, bytes out."""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from typing_extensions import override
from uvicorn.server import ServerState

from app.serving.bounds import Bounds
from app.serving.connections import bounded
from app.serving.server import configure
from tests.support.pipe import Pipe

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TURNS = 100  # of the event loop, for what may never be answered
WAIT_S = 20


class _Line(Pipe):
    """Ends with the last words, as nobody sends more."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 80), "peername": ("192.0.2.1", 9)})

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        self.close()


class Said(NamedTuple):
    """What came back: bytes, and whether everything that the request began has ended."""

    answer: bytes
    ended: bool


class Server:
    """The service behind the protocol that it is served by."""

    def __init__(self, app: FastAPI) -> None:
        self._state = ServerState()
        http = bounded(
            app.state.lane, cut=lambda _: None, fresh_id=lambda: "fresh", bounds=Bounds()
        )
        self._config = configure(app, http, tls=None)

    async def hear(self, sent: bytes, *, ragged: bool) -> Said:
        """Send bytes on a connection of their own; what is `ragged` may wait for more for ever."""
        pipe = _Line()
        make = cast("Any", self._config.http_protocol_class)
        protocol: HttpToolsProtocol = make(self._config, self._state, {})
        protocol.connection_made(pipe)
        protocol.data_received(sent)
        tasks = self._state.tasks
        if ragged:
            threads, turns = current_default_thread_limiter(), 0
            while tasks and turns < TURNS:
                turns += not threads.borrowed_tokens  # one that presses takes its time
                await asyncio.sleep(0)
        elif tasks:
            await asyncio.wait(tasks, timeout=WAIT_S)
        answered = not tasks
        protocol.connection_lost(None)
        if tasks:
            await asyncio.wait(tasks, timeout=WAIT_S)
        return Said(pipe.sent, (answered or ragged) and not tasks)
