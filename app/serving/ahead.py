"""Requests that were sent ahead are answered, also to a caller who then closes its half."""

from typing import Any

from typing_extensions import override

from app.serving.unread import UnreadBound


class AnswersAhead(UnreadBound):
    """Takes the end of what a caller sends for its leaving only where nothing was sent ahead.

    Who awaits one answer and ends its half has mostly closed the whole connection: nothing that
    arrives tells the two apart, and nothing is loaded for nobody. Who sent several requests at once
    and then ended gets all the answers (RFC 9112 9.6); whether it is still there shows at the
    second of them. Over TLS uvloop closes by itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Both are kept by the protocol that reads: a method more would cost each answer.
        self._came = 0  # requests that came whole in the bytes that are being read
        self._ahead = False  # several were there at a time, and not all are answered
        self._half_closed = False

    @property
    def answering(self) -> bool:
        """Whether an answer is under way, or awaited by a request in the line."""
        return bool(self.cycle) and not self.cycle.response_complete

    def is_too_much_ahead(self, size_bytes: int) -> bool:
        """Say whether too many requests wait already for one more with a head or body of this size.

        uvicorn parses all that it read before any of it is answered, and reads on with each answer:
        the smallest requests come 14,000 to a read. What counts is what one takes here, which of
        small fields is twenty times what came. Of larger ones fewer may wait; so all together hold
        a few times `pipelined_bytes`, without being added up.
        """
        waiting, bounds = len(self.pipeline), self._bounds
        return waiting >= bounds.pipelined or waiting * size_bytes > bounds.pipelined_bytes

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn says nothing
        """Return True where answers are still to come; else the connection is closed now."""
        self._half_closed = self._ahead and self.answering and self.scheme != "https"
        return self._half_closed

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._half_closed and not self.answering:
            self.transport.close()
            self.give_up_unread()
