"""The fast lane's door in uvicorn's protocol: a kept answer leaves before ASGI begins."""

from typing import Any, ClassVar, Final

import structlog
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.fastlane import FastLane
from app.api.heads import Head, Heads, cut, is_whole
from app.api.names import Names
from app.api.wires import Wire, Wires

_log = structlog.get_logger()

_JOINED_BYTES_MAX: Final = 16_384  # up to here a copy is cheaper than a second piece of a write


class ProtocolDoor(HttpToolsProtocol):
    """Answers what `lane` remembers as soon as its head is read, and leaves the rest to uvicorn.

    Only while nothing else of this connection is under way and the caller takes what is sent; so
    order and back-pressure are uvicorn's. A head that repeats one, but for its id and its trace, is
    not even parsed.
    """

    lane: ClassVar[FastLane]
    heads: ClassVar[Heads]
    wires: ClassVar[Wires]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._between = True  # of two requests, or before the first
        self._begun = 0  # requests that began in the bytes that are being read
        self._fed_at = self._used_at = 0.0
        self._answered: Head | None = None

    @override
    def data_received(self, data: bytes) -> None:
        self._fed_at = self.lane.monotonic()
        began_between = self._between
        if began_between and self._is_free() and self._repeat(data):
            if self.timeout_keep_alive_task is None:
                self._wait_for_more(self.timeout_keep_alive)
            self.on_message_complete()  # as the parser would say it
            return
        # uvicorn would end the timer at each read; it is put back when all was answered here.
        timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        self._begun, self._answered = 0, None
        super().data_received(data)
        if self._answered is not None and self._between:
            self.timeout_keep_alive_task = timer
            if timer is None:
                self._wait_for_more(self.timeout_keep_alive)
            alone = began_between and self._begun == 1
            if alone and self._answered.repeats and is_whole(data):
                self.heads.remember(data, self._answered, self._used_at)
        elif timer is not None:
            timer.cancel()

    @override
    def on_message_begin(self) -> None:
        # The scope is made when it turns out to be needed.
        self.url, self.headers = b"", []
        self._between = False
        self._begun += 1

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    @override
    def on_headers_complete(self) -> None:
        self._answered = None
        try:
            if self._is_free() and self._answer():
                return
        except Exception as bug:  # noqa: BLE001  # the parser would take it for the caller's mistake
            _log.error("lane_failed", exc_info=bug)
            if self._answered is not None:
                self.transport.abort()  # nobody knows how much of it has left
                return
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        self.headers.extend(headers)  # in place: the scope has this very list
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        if self._answered is None:
            self._between = not self.parser.should_upgrade()
            super().on_message_complete()
        else:
            self._between = True  # a request to upgrade is never answered here

    @override
    def timeout_keep_alive_handler(self) -> None:
        # A timer for each answer would cost as much as the answer: it is set once, and looks back.
        quiet_s = self.lane.monotonic() - self._used_at
        if quiet_s < self.timeout_keep_alive:
            self._wait_for_more(self.timeout_keep_alive - quiet_s)
        else:
            super().timeout_keep_alive_handler()

    def _is_free(self) -> bool:
        # `cycle` is None before the first request of a connection that came to ASGI.
        if self.cycle and not self.cycle.response_complete:
            return False
        return not (self.flow.write_paused or self.transport.is_closing())

    def _repeat(self, data: bytes) -> bool:
        """Answer a head what one with the same bytes was answered, if that still holds.

        The same but for its names: what the parser says of those that are sane is known.
        """
        lane, same, head = self.lane, data, self.heads.get(data)
        if head is not None:
            names = lane.fresh_names()
        else:
            same, sent_id, sent_trace = cut(data)
            head = self.heads.get(same)
            if head is None:
                return False
            names = lane.names(sent_id, sent_trace)
            if (sent_id and sent_id != names[0]) or (sent_trace and sent_trace != names[1]):
                return False
        reply, now = head.reply, lane.monotonic()
        if now >= reply.fresh_until:
            del self.heads[same]
            return False
        # Another object is another roster, which may say the same of who asks: it is looked up.
        if lane.who(head.credentials) is not head.consumer:
            del self.heads[same]
            return False
        head.used = True
        self._send(head, now, names)
        return True

    def _answer(self) -> bool:
        """Answer the request whose head was just parsed, if the lane can."""
        lane, parser = self.lane, self.parser
        method: bytes = parser.get_method()
        if method not in {b"GET", b"HEAD"}:
            return False
        asked = lane.read(method.decode("ascii"), self.url, self.headers, self.client)
        if asked is None:
            return False
        now = lane.monotonic()
        reply = lane.find(asked, now)
        if reply is None:
            return False
        keep_alive = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        head = Head(reply, self.headers, asked.consumer, keep_alive, asked.repeats)
        self._send(head, now, asked.names)
        return True

    def _send(self, head: Head, now: float, names: Names) -> None:
        reply, limits = head.reply, self.lane.limits(head.consumer)
        wire: Wire | None = reply.wire
        if (
            wire is None
            or now >= wire.steady_until
            or wire.defaults is not self.server_state.default_headers
            or wire.limits != limits
        ):
            wire = self.wires.make(reply, now, self.server_state.default_headers, limits)
        before, timed, named, after = wire.pieces
        timing = b"%.3f" % ((now - self._fed_at) * 1000)
        end = b"\r\n" if head.keep_alive else b"connection: close\r\n\r\n"
        request_id, traceparent = names
        body = reply.body
        joined = body if len(body) <= _JOINED_BYTES_MAX else b""
        data = b"".join((before, timing, timed, request_id, named, traceparent, after, end, joined))
        self._answered = head
        if joined is body:
            self.transport.write(data)
        else:
            self.transport.writelines((data, body))
        if head.keep_alive:
            self.server_state.total_requests += 1
        else:
            self.transport.close()
            self.on_response_complete()  # as after any last answer: it must be taken in time
        self._used_at = ended = self.lane.monotonic()
        self.lane.sent(reply, ended, ended - self._fed_at, names)

    def _wait_for_more(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )


def shared(lane: FastLane) -> dict[str, Any]:
    """Return what the doors to `lane` have in common: the attributes of a class of them."""
    return {"lane": lane, "heads": Heads(), "wires": Wires()}
