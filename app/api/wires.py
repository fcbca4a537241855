"""The heads of responses as the bytes that go over the line."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api.replies import Headers, Reply

_MARK: Final = b"\0"


@dataclass(slots=True, eq=False)
class Wire:
    """The head of a response in pieces, between which its timing and names go.

    It holds while `defaults` are the server's headers and `limits` the caller's, and until
    `steady_until`.
    """

    pieces: tuple[bytes, ...]
    defaults: list[tuple[bytes, bytes]]
    limits: Headers
    steady_until: float


class Wires:
    """Gives replies their wires, and takes from those what holds no more when the next is made."""

    def __init__(self) -> None:
        self._wired = deque[Reply]()  # those with a wire, the oldest first

    def make(
        self, reply: Reply, now: float, defaults: list[tuple[bytes, bytes]], limits: Headers
    ) -> Wire:
        """Give `reply` the wire that it has from `now` on, and return it."""
        fields = [*defaults, *reply.headers_at(now, _MARK, (_MARK, _MARK), limits)]
        lines = b"".join(b"%b: %b\r\n" % pair for pair in fields)
        pieces = tuple((STATUS_LINE[reply.status] + lines).split(_MARK))
        wired = self._wired
        while wired and (wired[0].wire is None or wired[0].wire.steady_until <= now):
            wired.popleft().wire = None
        wired.append(reply)
        reply.wire = wire = Wire(pieces, defaults, limits, reply.steady_until(now))
        return wire
