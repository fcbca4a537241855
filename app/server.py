"""The connection's own bounds, below HTTP: how much head, how slow, how many at a time."""

import asyncio
import resource
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import uvloop
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.edge import HSTS, SECURITY
from app.api.fastlane import FastLane
from app.api.problems import problem_response
from app.api.protocol_door import protocol_door
from app.errors import (
    HeadersTooLargeError,
    InvalidParameterError,
    OverloadedError,
    ServiceError,
)


class Bounds(NamedTuple):
    """What one connection may take; sizes in bytes, times in seconds."""

    connections: int = 4_000
    refusals: int = 100  # that may wait for their last words to be read
    head_bytes: int = 32_768
    head_fields: int = 100
    pipelined: int = 128  # requests of one connection that wait behind the one that runs
    request_s: float = 10.0  # for a head or a body to arrive
    patience_s: float = 1.0  # with a request that may be on its way, where no more fit
    unread_s: float = 30.0  # for a caller to take what was sent
    linger_s: float = 1.0  # for the last words to reach a caller who still speaks


_BOUNDS = Bounds()
_OTHER_FILES = 156  # the platform's side, the listener, what is read from files


def descriptors(soft: int, hard: int, bounds: Bounds = _BOUNDS) -> tuple[int, Bounds]:
    """Return the limit of open files to set, and the bounds that fit below it.

    A process commonly gets 1,024 and may ask for more; each connection takes one. Running out of
    them would stop the listener as well as the platform's side: a slow death instead of a refusal.
    Over TLS a connection counts once its handshake is done: those before it take descriptors beyond
    the bound, each for five seconds at most.
    """
    unlimited = resource.RLIM_INFINITY
    around = bounds.refusals + _OTHER_FILES
    wanted = bounds.connections + around
    given = wanted if hard == unlimited else min(wanted, hard)
    limit = soft if soft == unlimited else max(soft, given)
    room = bounds.connections if limit == unlimited else min(bounds.connections, limit - around)
    return limit, bounds._replace(connections=max(room, 1))


class ServerLoop(uvloop.Loop):
    """uvloop with little patience for who connects and never speaks TLS.

    uvicorn's server has no word for it, and our bounds begin where the handshake ends.
    """

    handshake_s = 5.0  # uvloop's own is a minute

    @override
    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ssl") is not None:
            kwargs["ssl_handshake_timeout"] = self.handshake_s
        return await super().create_server(*args, **kwargs)


def bounded(
    lane: FastLane | None,
    *,
    cut: Callable[[str], None],
    fresh_id: Callable[[], str],
    bounds: Bounds,
) -> type[asyncio.Protocol]:
    """Return what uvicorn makes its protocols with; `cut` is told why each connection was ended.

    With a `lane` its door stands between the bounds and uvicorn.
    """
    kind: Callable[..., BoundedProtocol] = BoundedProtocol
    if lane is not None:
        kind = type("BoundedDoor", (BoundedProtocol, protocol_door(lane)), {})
    return cast(
        "type[asyncio.Protocol]",
        partial(kind, cut=cut, fresh_id=fresh_id, bounds=bounds, waiting={}),
    )


class _StopError(Exception):
    """The parser stops here; the answer is made where it is caught."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, which bounds neither heads nor slowness, with bounds.

    A request that comes whole arms no timer; one that comes in pieces arms one for all of them, so
    a byte now and then buys no time. `waiting` holds those whose request is yet to come, of all
    connections, the longest wait first: where no more fit, it makes room for who may be quicker; so
    does, when nobody waits, a connection between two requests.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        cut: Callable[[str], None],
        fresh_id: Callable[[], str],
        waiting: dict["BoundedProtocol", float],
        bounds: Bounds = _BOUNDS,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._cut = cut
        self._waiting = waiting
        self._fresh_id = fresh_id
        self._bounds = bounds
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._whole = False  # nothing of a request is awaited; at first, all of one is
        self._in_head = True
        self._began = False  # a request began in the bytes that are being read
        self._head_bytes = 0
        self._came_bytes = 0  # in the bytes that are being read
        self._refusal: tuple[ServiceError, str] | None = None  # and the bound, of a request
        self._ended = False

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections and not self._room_made():
            self._refuse(_full_house(), "connections")
        else:
            self._await_request()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        self._waiting.pop(self, None)
        self._ended = True
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._whole = self._began = False
        self._came_bytes = len(data)
        super().data_received(data)
        if self._ended:
            return
        if self._in_head and not self._began:
            self._head_bytes += len(data)
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse(_too_much_head(), "head")
                return
        if not self._whole:
            self._await_request()
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._waiting.pop(self, None)

    @override
    def on_message_begin(self) -> None:
        self._in_head, self._began = True, True
        self._whole, self._head_bytes = False, 0
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        fields, bytes_max = len(self.headers), self._bounds.head_bytes
        # Counting takes longer than all else here: mostly what came, head or not, is little enough.
        # A field may be a byte shorter there, without the blank after its colon.
        little = self._head_bytes + self._came_bytes + fields <= bytes_max
        if fields > self._bounds.head_fields or not (little or self._size_bytes() <= bytes_max):
            self._refusal = _too_much_head(), "head"
            raise _StopError
        # uvicorn parses all that it read before any of it is answered, and then reads on: each
        # request that waits has a scope, and the smallest come 14,000 to a read.
        if len(self.pipeline) >= self._bounds.pipelined:
            self._refusal = OverloadedError("Too many requests wait here."), "pipelined"
            raise _StopError
        self._in_head = False
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        # Both: a head that the door has seen before is told to be complete, and never to begin.
        self._whole, self._in_head = True, False
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._give_up_unread()

    @override
    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.is_closing():
            self._give_up_unread()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._give_up_unread()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(
            *(self._refusal or (InvalidParameterError("This is no HTTP request."), "parse"))
        )

    def _size_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _await_request(self) -> None:
        """Bound the time for the rest of a request."""
        if self._timer is None:
            self._timer = self.loop.call_later(self._bounds.request_s, self._too_slow)
            self._waiting[self] = self.loop.time()

    def _room_made(self) -> bool:
        """End the connection whose request is awaited longest, or one that is idle.

        The idle one unless a request is awaited for `patience_s`: it may just be on its way. False
        when all are being answered.
        """
        # Looked for only here: a list of the idle would cost each request two changes.
        others = cast("set[BoundedProtocol]", self.connections)
        leaver = next(iter(self._waiting), None)
        if leaver is None or self.loop.time() - self._waiting[leaver] < self._bounds.patience_s:
            leaver = next(filter(BoundedProtocol.idles, others), leaver)
        if leaver is not None:
            leaver.make_way()
        return leaver is not None

    def idles(self) -> bool:
        """Say whether its last request is answered, to the last byte, and no other has begun."""
        if self._ended or not self._whole or self.transport.is_closing():
            return False
        answering = bool(self.cycle) and not self.cycle.response_complete
        return not answering and not self.transport.get_write_buffer_size()

    def make_way(self) -> None:
        """End at once, in favour of another connection."""
        self._waiting.pop(self, None)
        self._ended = True
        self._cut("crowded")
        self.transport.abort()

    def _too_slow(self) -> None:
        self._timer = None
        self._waiting.pop(self, None)
        self._ended = True
        self._cut("slow")
        self.transport.close()
        self._give_up_unread()

    def _give_up_unread(self) -> None:
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self._bounds.unread_s, self._unread)

    def _unread(self) -> None:
        self._unread_timer = None
        self._cut("unread")
        self.transport.abort()

    def _refuse(self, error: ServiceError, bound: str) -> None:
        """Answer without the app and hear nothing more; a moment later the connection ends."""
        self._ended = True
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        self._cut(bound)
        if len(self.connections) > self._bounds.connections + self._bounds.refusals:
            self.transport.abort()
            return
        if bool(self.cycle) and not self.cycle.response_complete:
            # An earlier request of this connection is being answered: no word may come between.
            self.pipeline.clear()
            self.transport.close()
            return
        secure = self.scheme == "https"
        self.transport.write(_answer(error, self._fresh_id(), secure=secure))
        # Closing at once would meet what the caller still sends with a reset that eats the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self._bounds.linger_s, self.transport.abort)


def _answer(error: ServiceError, request_id: str, *, secure: bool) -> bytes:
    response = problem_response(error, instance="/", request_id=request_id)
    head = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    head += [*SECURITY, *([HSTS] if secure else []), (b"connection", b"close")]
    lines = b"".join(b"%s: %s\r\n" % field for field in head)
    return STATUS_LINE[error.status] + lines + b"\r\n" + bytes(response.body)


def _full_house() -> OverloadedError:
    return OverloadedError("Too many connections are open here.", retry_after_s=1)


def _too_much_head() -> HeadersTooLargeError:
    return HeadersTooLargeError("The head of the request is too large.")
