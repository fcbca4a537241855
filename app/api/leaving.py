"""Who leaves waits no longer: a caller's disconnect ends its request, as pure ASGI."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_READS: Final = frozenset({"GET", "HEAD"})


class LeaveWithCaller:
    """Cancels a GET or HEAD whose caller is gone, so that the last one to leave ends a load.

    The watch begins when the request waits for something, and not before: what is kept is answered
    in one go, and costs a handle that is taken back. No other method is watched, since nobody may
    read the body beside the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http" or scope["method"] not in _READS:
            await self._app(scope, receive, send)
            return
        watch = _Watch(receive)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not watch.caller_left():
                raise
        finally:
            watch.end()


class _Watch:
    """Waits for the caller's disconnect, and cancels the task that made this one."""

    def __init__(self, receive: Receive) -> None:
        loop = asyncio.get_running_loop()
        self._receive = receive
        self._request = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._left = False
        self._begin = loop.call_soon(self._start)

    def caller_left(self) -> bool:
        """Say whether it was the caller's leaving, and nothing else, that cancelled the task."""
        return self._left and self._request is not None and self._request.uncancel() == 0

    def end(self) -> None:
        """Watch no longer."""
        self._begin.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _start(self) -> None:
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        message = await self._receive()
        while message.get("more_body", False):
            message = await self._receive()
        if message["type"] == "http.request":
            # The body has ended: what comes next is the caller's leaving, or nothing.
            message = await self._receive()
        if message["type"] == "http.disconnect" and self._request is not None:
            self._left = self._request.cancel()
