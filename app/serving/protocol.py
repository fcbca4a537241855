"""The connection's protocol: how much head, how slow, how many at a time."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.errors import InvalidParameterError, ServiceError
from app.serving.bounds import Bounds
from app.serving.framing import BoundsFraming
from app.serving.host import names_one_host
from app.serving.place import TakesPlace
from app.serving.refusal import full_house, refusal, too_much_ahead, too_much_head

_LINES_BYTES: Final = len("  HTTP/1.1\r\n\r\n")  # of a head, beside its method and target
_REQUEST_BYTES: Final = 1_792  # that one which waits takes, beside its fields, and
_FIELD_BYTES: Final = 200  # each of them, beside what came; both are about so


class BoundedProtocol(BoundsFraming):
    """uvicorn's protocol on httptools, which bounds neither heads nor slowness, with bounds.

    A request that comes whole arms no timer; one that comes in pieces arms one for all of them, so
    a byte now and then buys no time.
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
        waiting: dict[TakesPlace, float],
        bounds: Bounds,
    ) -> None:
        super().__init__(
            config, server_state, app_state, _loop, cut=cut, bounds=bounds, waiting=waiting
        )
        self._fresh_id = fresh_id
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._began = False  # a request began in the bytes that are being read
        self._head_bytes = 0  # of a head that is not yet whole: what is surely of it, and
        self._shared_bytes = 0  # the read in which it began, where that ended a request before it
        self._came_bytes = 0  # in the bytes that are being read

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting.pop(self, None)  # it waited for TLS
        if len(self.connections) > self._bounds.connections and not self._room_made():
            self._refuse(full_house(), "connections")
        else:
            self._await_request()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.pop(self, None)
        self._ended = True
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._began = False
        self._came, self._came_bytes = 0, len(data)
        if self._ahead:
            self._ahead = self.answering
        super().data_received(data)
        if self._ended:
            return
        stray = self._whole and not (self._began or self._came)
        if (stray or not self._whole) and self._is_too_much(len(data), stray=stray):
            self._refuse(too_much_head(), "head")
            return
        if not self._whole:
            self._await_request()
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._waiting.pop(self, None)
        if stray:
            self._keep_alive()

    @override
    def on_message_begin(self) -> None:
        self._in_head, self._began = True, True
        self._whole = False
        self._head_bytes = self._shared_bytes = 0
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        fields, bytes_max = len(self.headers), self._bounds.head_bytes
        # Counting takes longer than all else here: mostly what came, head or not, is little enough.
        # A field may be a byte shorter there, without the blank after its colon.
        came_bytes = self._head_bytes + self._shared_bytes + self._came_bytes
        little = came_bytes + fields <= bytes_max
        if fields > self._bounds.head_fields or not (little or self._size_bytes() <= bytes_max):
            self.stop(too_much_head(), "head")
        if not names_one_host(self.headers, self.parser.get_http_version()):
            self.stop(
                InvalidParameterError("The request names no valid Host, or several."),
                "parse",
            )
        if self.pipeline and self.is_too_much_ahead(self._kept_bytes()):
            self.stop(too_much_ahead(), "pipelined")
        super().on_headers_complete()  # a target that is none is refused there, as of a head
        self._in_head = False

    @override
    def on_body(self, body: bytes) -> None:
        if self.pipeline and self.is_too_much_ahead(len(self.cycle.body) + len(body)):
            self.stop(too_much_ahead(), "pipelined")
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        # Both: a head that the door has seen before is told to be complete, and never to begin.
        self._whole, self._in_head = True, False
        self._head_bytes = 0
        self._came += 1
        if self._came > 1 or self.pipeline:
            self._ahead = True
        super().on_message_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(
            *(self._refusal or (InvalidParameterError("This is no HTTP request."), "parse"))
        )

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn says nothing
        # What ends in the middle of a request is not sent ahead.
        return self._whole and not self._ended and super().eof_received()

    def _is_too_much(self, came_bytes: int, *, stray: bool) -> bool:
        """Count a read that left a head, or a body, unfinished; True when it is enough."""
        if not (stray or self._in_head):
            return self.is_framing_too_much(came_bytes)
        if self._began and self._came:
            self._shared_bytes = came_bytes
        else:
            self._head_bytes += came_bytes
        return self._head_bytes > self._bounds.head_bytes

    def _size_bytes(self) -> int:
        fields_bytes = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.parser.get_method()) + len(self.url) + _LINES_BYTES + fields_bytes

    def _kept_bytes(self) -> int:
        # Its scope, cycle and event; and each field's pair of bytes, and their place in the list.
        return self._size_bytes() + _REQUEST_BYTES + _FIELD_BYTES * len(self.headers)

    def _keep_alive(self) -> None:
        # Empty lines between two requests are no request (RFC 9112 2.2), but uvicorn's timer, which
        # ends with each read, is still to come for who is idle; and there may not be many of them.
        if not self.answering and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _await_request(self) -> None:
        """Bound the time for the rest of a request."""
        if self._timer is None:
            self._timer = self.loop.call_later(self._bounds.request_s, self._too_slow)
            self._waiting[self] = self.loop.time()

    def _too_slow(self) -> None:
        self._timer = None
        self._waiting.pop(self, None)
        self._ended = True
        self._cut("slow")
        self.forsake()
        self.transport.close()
        self.give_up_unread()

    def _refuse(self, error: ServiceError, bound: str) -> None:
        """Answer without the app and hear nothing more; a moment later the connection ends."""
        self._ended = True
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
        self._cut(bound)
        if bound != "pipelined" and self.ends_behind_running():
            # What was asked before is answered: no word may come between, and none behind.
            return
        behind_head = not (self._in_head or self._whole)
        silent = bound == "pipelined" or (behind_head and self.has_begun_answer())
        self.forsake()
        if len(self.connections) > self._bounds.connections + self._bounds.refusals:
            self.transport.abort()
            return
        if silent:
            self.transport.close()
            self.give_up_unread()
            return
        secure = self.scheme == "https"
        self.transport.write(refusal(error, self._fresh_id(), secure=secure))
        # Closing at once would meet what the caller still sends with a reset that eats the answer.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(self._bounds.linger_s, self.transport.abort)
