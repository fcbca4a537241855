"""The fast lane's door for any server, which also tells the lane what the slow way answers."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.fastlane import FastLane
from app.api.replies import Asked, Trail


class AsgiDoor:
    """Answers what `lane` remembers, and lets it learn from the rest; the outermost layer."""

    def __init__(self, app: ASGIApp, *, lane: FastLane) -> None:
        self._app = app
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        lane = self._lane
        began = lane.monotonic()
        asked = lane.read(scope["method"], _target(scope), scope["headers"], scope.get("client"))
        if asked is None:
            await self._app(scope, receive, send)
            return
        now = lane.monotonic()
        reply = lane.find(asked, now)
        if reply is None:
            await self._learn(asked, scope, receive, send)
            return
        timing, limits = b"%.3f" % ((now - began) * 1000), lane.limits(asked.consumer)
        headers = reply.headers_at(now, timing, asked.names, limits)
        body = reply.body
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        ended = lane.monotonic()
        lane.sent(reply, ended, ended - began, asked.names)

    async def _learn(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        trail = Trail()
        start: Message = {}
        pieces: list[bytes | None] = []

        async def send_and_note(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                more = message.get("more_body", False)
                pieces.append(None if more else message.get("body", b""))
            await send(message)

        scope = {**scope, "state": {**scope.get("state", {}), "trail": trail}}
        await self._app(scope, receive, send_and_note)
        whole = pieces[0] if len(pieces) == 1 else None
        if trail.found is not None and whole is not None:
            self._lane.learn(asked, trail, start["status"], start["headers"], whole)


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path + b"?" + scope["query_string"] if scope["query_string"] else path
