"""The sandbox as a server on a loopback port, beside whatever else the process does."""

import asyncio
import socket
from threading import Event, Thread
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

_START_TIMEOUT_S = 10


class SandboxServer:
    """Serves an app on `127.0.0.1` with a free port, in a daemon thread with a loop of its own.

    `with SandboxServer(app) as server:` is entered once the port answers; `server.url` has no
    trailing slash. Leaving it closes the port and joins the thread.
    """

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
        )
        self._server = _Announcing(config)
        # Without its protocol asyncio does not turn Nagle off, and each answer waits 40 ms.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._thread = Thread(target=self._run, name="sandbox", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        self._server.begun.wait(_START_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


class _Announcing(uvicorn.Server):
    """Says when it has begun, so that nobody needs to ask again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()
