"""How long an answer may stay unread."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from app.serving.bounds import Bounds
from app.serving.running import TellsRunning

if TYPE_CHECKING:
    import asyncio


class UnreadBound(TellsRunning):
    """uvicorn's protocol on httptools, with an end to the connection of a caller who takes nothing.

    `cut` is told why the connection was ended.
    """

    def __init__(
        self, *args: Any, cut: Callable[[str], None], bounds: Bounds, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._cut = cut
        self._bounds = bounds
        self._unread_timer: asyncio.TimerHandle | None = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        super().connection_lost(exc)
        # uvicorn leaves it where the connection was lost by a failure: it would find it closing.
        self._unset_keepalive_if_required()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self.give_up_unread()

    @override
    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.is_closing():
            self.give_up_unread()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self.give_up_unread()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def give_up_unread(self) -> None:
        """End the connection unless all that was sent is taken in time."""
        if self._unread_timer is None:
            self._unread_timer = self.loop.call_later(self._bounds.unread_s, self._unread)

    def _unread(self) -> None:
        self._unread_timer = None
        self._cut("unread")
        self.forsake()
        self.transport.abort()
