"""The request that runs is told when nobody waits for its answer any more."""

from typing import Any

from typing_extensions import override
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class TellsRunning(HttpToolsProtocol):
    """uvicorn's protocol on httptools, which tells only the last request in the line.

    With another one behind it the request that runs would load on for nobody, and then write where
    nothing can be written.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: RequestResponseCycle | None = None  # or the last that did

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.forsake()
        super().connection_lost(exc)

    def forsake(self) -> None:
        """Tell the request that runs that its caller is gone; those behind it never begin."""
        self.pipeline.clear()
        running = self._running
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()

    def ends_behind_running(self) -> bool:
        """Let the request that runs be answered, and end then; False when none runs.

        Nor does one whose own body is what ends here: it would await the rest for ever.
        """
        running = self._running
        if running is None or running.response_complete or running.more_body:
            return False
        self.pipeline.clear()
        running.keep_alive = False
        return True

    def has_begun_answer(self) -> bool:
        """Say whether something of the answer to the request that runs, or last did, is sent."""
        return self._running is not None and self._running.response_started

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)
