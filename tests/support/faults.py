"""A proxy that harms what passes: what networks and dying servers do to a connection."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum, auto
from typing import Final

_CHUNK: Final = 65_536
# Where an answer is cut: after its first line and in the middle of its headers or body.
_CUT_AT: Final = 40
_GARBAGE: Final = bytes(range(255, 127, -1))


class Fault(StrEnum):
    """What happens to the platform's answers."""

    NONE = auto()
    LATENCY = auto()  # each comes `delay_s` late
    HANG = auto()  # none comes, and the connection stays
    DRIP = auto()  # each comes byte by byte, `delay_s` apart
    RESET = auto()  # the connection is reset in place of an answer
    REFUSE = auto()  # the connection is closed at once
    HALF_CLOSE = auto()  # the answer's side is closed before it began; the other stays open
    TRUNCATE = auto()  # the answer ends after its first bytes
    GARBAGE = auto()  # bytes that are no HTTP come instead


class FaultProxy:
    """Passes TCP to `127.0.0.1:port`; `fault` may be changed at any time and binds at once.

    Requests pass unharmed. `connections` counts those that were opened.
    """

    def __init__(self, port: int, *, delay_s: float = 0.05) -> None:
        self.fault = Fault.NONE
        self.delay_s = delay_s
        self.connections = 0
        self.port = 0
        self._target = port
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultProxy"]:
        """Listen on a free loopback port; end every connection in the end."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault is Fault.REFUSE:
            await _end(writer)
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [
            asyncio.create_task(_pass(reader, upstream_writer)),
            asyncio.create_task(self._answer(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First what needs no wait: the proxy may be ended while this one ends.
            for way in ways:
                way.cancel()
            upstream_writer.transport.abort()
            writer.close()
            await asyncio.gather(*ways, return_exceptions=True)
            await _end(upstream_writer)
            await _end(writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass answers on until one is harmed so that the connection ends."""
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                if not await self._harmed(chunk, writer):
                    return
                await writer.drain()

    async def _harmed(self, chunk: bytes, writer: asyncio.StreamWriter) -> bool:
        """Send what the fault leaves of `chunk`; say whether the connection goes on."""
        match self.fault:
            case Fault.NONE:
                writer.write(chunk)
            case Fault.LATENCY:
                await asyncio.sleep(self.delay_s)
                writer.write(chunk)
            case Fault.DRIP:
                for at in range(len(chunk)):
                    writer.write(chunk[at : at + 1])
                    await asyncio.sleep(self.delay_s)
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.HALF_CLOSE:
                writer.write_eof()
                await asyncio.sleep(self.delay_s)
                return False
            case Fault.TRUNCATE:
                writer.write(chunk[:_CUT_AT])
                return False
            case Fault.GARBAGE:
                writer.write(_GARBAGE)
                return False
            case _:  # RESET, and REFUSE on a connection that was open before
                _reset(writer)
                return False
        return True


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()


async def _end(writer: asyncio.StreamWriter) -> None:
    """Close, having sent what was written; one who reads no more is not waited for."""
    writer.close()
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: what is unsent is thrown away, and the peer is told of no orderly end."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
