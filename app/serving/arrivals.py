"""Connections over TLS have their place from the moment they are accepted."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, cast

_AT_A_TIME: Final = 16  # are accepted before what ended meanwhile has given its descriptor back
_PAUSE_S: Final = 1.0  # where the system has no descriptor, or no memory, for one more


class Arrival:
    """A connection that has no transport yet: it can only end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def abort(self) -> None:
        """End it; what agrees on TLS finds out, and lets go of the descriptor."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    close = abort

    def is_closing(self) -> bool:
        """Say no: when it has ended it is gone."""
        return False


class Arriving(Protocol):
    """A protocol that counts from its arrival on."""

    def arrive(self, arrival: Arrival) -> bool:
        """Take a place; False says that there is none, not even to be told so."""

    def make_way(self) -> None:
        """End at once, in favour of another connection."""

    def depart(self) -> None:
        """Give the place back, unless the connection was made."""


class TlsServer:
    """Accepts connections for uvicorn's server, and makes them once TLS is agreed on.

    uvloop's own would show them to us no earlier, and take a descriptor for each who connects and
    says nothing, beyond any bound. Where `handshakes` are under way nobody is accepted until one is
    done, or has taken `patience_s` and makes room: many who come at once all get in, and those who
    say nothing keep nobody out for long.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[], Arriving],
        listener: socket.socket,
        context: ssl.SSLContext,
        *,
        handshake_s: float,
        handshakes: int,
        patience_s: float,
    ) -> None:
        self._loop = loop
        self._make = make
        self._listener = listener
        self._context = context
        self._handshake_s = handshake_s
        self._handshakes = handshakes
        self._patience_s = patience_s
        self._tasks = set[asyncio.Task[None]]()
        self._greeted: dict[asyncio.Task[None], tuple[Arriving, float]] = {}  # since when
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Accept nobody any more; who is here stays."""
        self._loop.remove_reader(self._listener)
        self._listener.close()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    async def wait_closed(self) -> None:
        """Return at once: uvicorn waits for the connections itself."""

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _listen_later(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._listen)

    def _accept(self) -> None:
        for _ in range(_AT_A_TIME):
            if len(self._greeted) >= self._handshakes and not self._room_made():
                return
            try:
                line, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._listen_later(_PAUSE_S)
                return
            guest = self._make()
            if guest.arrive(Arrival(line)):
                task = self._loop.create_task(self._greet(guest, line))
                self._tasks.add(task)
                self._greeted[task] = guest, self._loop.time()
                task.add_done_callback(self._end)
            else:
                line.close()

    def _room_made(self) -> bool:
        """End the handshake that takes longest, or accept nobody until it has taken too long."""
        task, (guest, since) = next(iter(self._greeted.items()))
        left_s = since + self._patience_s - self._loop.time()
        if left_s > 0:
            self._listen_later(left_s)
            return False
        del self._greeted[task]
        guest.make_way()
        return True

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._greeted.pop(task, None)
        if self._pause is not None:
            self._pause.cancel()
            self._listen()

    async def _greet(self, guest: Arriving, line: socket.socket) -> None:
        line.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(
                lambda: cast("asyncio.Protocol", guest),
                line,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_s,
            )
        except OSError:  # what `ssl` raises is one, too
            return
        finally:
            guest.depart()
