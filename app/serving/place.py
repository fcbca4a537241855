"""A connection takes one of the places there are, and may have to leave it to another."""

from typing import TYPE_CHECKING, Any, cast

from app.serving.ahead import AnswersAhead
from app.serving.room import make_room

if TYPE_CHECKING:
    import asyncio

    from app.serving.arrivals import Arrival


class TakesPlace(AnswersAhead):
    """Is one of so many connections, over TLS from the moment it is accepted.

    `waiting` holds those whose request is yet to come, of all connections, the longest wait first:
    where no more fit, it makes room for who may be quicker; so does, when nobody waits, a
    connection between two requests.
    """

    def __init__(self, *args: Any, waiting: dict["TakesPlace", float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = waiting
        # Both are kept by the protocol that reads: a method more would cost each answer.
        self._whole = False  # nothing of a request is awaited; at first, all of one is
        self._ended = False  # nothing more is heard
        self._made_way = False

    def arrive(self, arrival: "Arrival") -> bool:
        """Take a place before TLS is agreed on; False says that there is none to be told so."""
        # Here, too, uvicorn closes it when it stops, and who arrives later may be let in instead.
        self.transport = cast("asyncio.Transport", arrival)
        self.connections.add(self)
        places = self._bounds.connections
        crowded = len(self.connections) > places and not self._room_made()
        if crowded and len(self.connections) > places + self._bounds.refusals:
            self._cut("connections")
            self.connections.discard(self)
            return False
        self._waiting[self] = self.loop.time()
        return True

    def depart(self) -> None:
        """Give the place back where TLS was not agreed on."""
        if self.flow is None:  # the connection was never made
            self._waiting.pop(self, None)
            self.connections.discard(self)

    def idles(self) -> bool:
        """Say whether its last request is answered, to the last byte, and no other has begun.

        Over TLS also who was told the end and has not agreed to it yet, but for who makes way.
        """
        if self.transport.is_closing():
            at_rest = self.scheme == "https" and not self._made_way
        else:
            at_rest = self._whole and not self._ended and not self.answering
        return at_rest and not self.transport.get_write_buffer_size()

    def make_way(self) -> None:
        """End at once, in favour of another connection."""
        self._waiting.pop(self, None)
        self._ended = self._made_way = True
        self._cut("crowded")
        self.forsake()
        self.transport.abort()

    def _room_made(self) -> bool:
        others = cast("set[TakesPlace]", self.connections)
        return make_room(self._waiting, others, self.loop.time() - self._bounds.patience_s)
