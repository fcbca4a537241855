"""The server: where it listens, how it serves, and how it stops."""

import asyncio
import gc
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Final, TypeAlias, cast

import structlog
import uvicorn
from typing_extensions import override

from app import __version__
from app.api.health import Readiness
from app.serving.place import TakesPlace

DRAIN_S: Final = 25  # less than the 30 s that Kubernetes waits before it kills
_UNREAD_BYTES_MAX: Final = 131_072  # in the kernel, for each connection; Linux doubles it

TlsFactory: TypeAlias = Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext]
"""As uvicorn asks for a context; what it would make by itself is not used."""


class Server(uvicorn.Server):
    """Says when it listens, and stops being ready as soon as it is told to stop."""

    parting_s = 0.5  # twice this for callers over TLS to agree to the end; uvloop's own is 30

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, readiness: Readiness
    ) -> None:
        super().__init__(config)
        self.listener = listener
        self._readiness = readiness
        self._log = structlog.get_logger()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.listener.getsockname()[:2]
        scheme = "https" if self.config.is_ssl else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was made so far stays: each full collection would look through it, 20 ms in which
        # nobody is answered.
        gc.collect()
        gc.freeze()
        self._log.info("serving", url=self.url, version=__version__)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # No log line here: a signal may come while this very thread holds the logger's lock.
        self._readiness.draining = True
        super().handle_exit(sig, frame)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._log.info("draining", at_most_s=DRAIN_S)
        parting = asyncio.create_task(self._part())
        try:
            await super().shutdown(sockets)
        finally:
            parting.cancel()
        self._log.info("stopped")

    async def _part(self) -> None:
        """End those who were told the end, have all that is theirs and don't agree to it."""
        connections = cast("set[TakesPlace]", self.server_state.connections)
        at_rest = set[TakesPlace]()
        while True:
            await asyncio.sleep(self.parting_s)
            # Looked at twice: what was handed on may take a moment to be on its way.
            before, at_rest = at_rest, {each for each in connections if each.idles()}
            for each in before & at_rest:
                each.transport.abort()


Run = Callable[[Server], None]


def until_told(server: Server) -> None:
    """Serve until SIGTERM or SIGINT, finish what runs, return."""
    # uvicorn raises the signal again once it has stopped; both then look alike, as they do
    # when they come before it listens to signals.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[server.listener])
    except KeyboardInterrupt:
        return


def configure(
    app: Callable[..., Awaitable[None]],
    http: type[asyncio.Protocol],
    *,
    tls: TlsFactory | None,
) -> uvicorn.Config:
    """Return how to serve `app`: each connection by `http`, over `tls` if there is any."""
    config = uvicorn.Config(
        app,
        loop="app.serving.loop:ServerLoop",
        http=http,
        ws="none",
        lifespan="on",
        log_config=None,
        # Its lines of less weight repeat ours, or are written at the will of any caller.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_context_factory=tls,
    )
    config.load()
    return config


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        OSError: it can't.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it. Left alone the kernel takes megabytes for a caller who reads nothing.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_BYTES_MAX)
    return listener
