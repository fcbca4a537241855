"""One connection's protocol on a loop and a transport that are moved by hand."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.server import ServerState

from app.serving.bounds import Bounds
from app.serving.protocol import BoundedProtocol
from tests.support.pipe import Pipe

if TYPE_CHECKING:
    from app.serving.place import TakesPlace

GET = b"GET /v1/tasks HTTP/1.1\r\nHost: gate\r\n\r\n"
BOUNDS = Bounds(
    connections=2, refusals=1, head_bytes=200, head_fields=4, pipelined=16, pipelined_bytes=31_000
)


class Timer:
    """A call that waits for its time."""

    def __init__(self, after_s: float, call: Callable[[], None]) -> None:
        self.after_s, self.call, self.cancelled = after_s, call, False

    def cancel(self) -> None:
        """Never call."""
        self.cancelled = True


class Loop:
    """Collects timers and tasks; nothing runs by itself."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, after_s: float, call: Callable[[], None]) -> Timer:
        """Collect a timer."""
        self.timers.append(Timer(after_s, call))
        return self.timers[-1]

    def create_task(self, work: Any) -> Any:
        """Drop the work: no answer comes until the test says so."""
        work.close()
        return asyncio.Future(loop=cast("Any", self))

    def time(self) -> float:
        """Stand still."""
        return 0.0

    def get_debug(self) -> bool:
        """Futures ask."""
        return False

    def waiting(self) -> list[float]:
        """Return the times that somebody waits for."""
        return [timer.after_s for timer in self.timers if not timer.cancelled]

    def fire(self) -> None:
        """Let the last timer's time come."""
        self.timers[-1].call()


class Transport(Pipe):
    """As a line has it, or with no `eof` one over TLS, which can't half end."""

    def __init__(self, *, eof: bool = True) -> None:
        super().__init__(None if eof else {"sslcontext": True})
        self.eof, self.half = eof, False
        self.unsent = 0

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.half, "written after the last words"
        super().write(data)

    @override
    def get_write_buffer_size(self) -> int:
        return self.unsent

    @override
    def can_write_eof(self) -> bool:
        return self.eof

    @override
    def write_eof(self) -> None:
        self.half = True


class Line:
    """One connection of a server; what it shares with others is taken from one of them."""

    def __init__(
        self,
        other: "Line | None" = None,
        *,
        eof: bool = True,
        made: bool = True,
        bounds: Bounds = BOUNDS,
    ) -> None:
        self.loop, self.transport, self.cuts = Loop(), Transport(eof=eof), list[str]()
        self.state: ServerState = other.state if other else ServerState()
        self.waiting: dict[TakesPlace, float] = other.waiting if other else {}
        self.protocol = BoundedProtocol(
            uvicorn.Config(no_app, log_config=None, lifespan="off"),
            self.state,
            {},
            cast("asyncio.AbstractEventLoop", self.loop),
            cut=self.cuts.append,
            fresh_id=lambda: "fresh",
            bounds=bounds,
            waiting=self.waiting,
        )
        if made:
            self.protocol.connection_made(self.transport)

    def hear(self, *parts: bytes) -> None:
        """Receive bytes."""
        for part in parts:
            self.protocol.data_received(part)

    def answer(self) -> None:
        """Complete the answer of the running request."""
        self.protocol.cycle.response_complete = True
        self.protocol.on_response_complete()


async def no_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Never asked here."""
