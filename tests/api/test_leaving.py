"""A caller who leaves waits no longer."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.leaving import LeaveWithCaller
from tests.support.serving import idle


class Waiting:
    """An app that waits for ever, and notes how it ended."""

    def __init__(self) -> None:
        self.ended = ""

    async def __call__(self, *_: object) -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = "cancelled"


def _caller(*messages: Message) -> Receive:
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


async def _send(_: Message) -> None:
    """Take anything."""


BODY = {"type": "http.request", "body": b"", "more_body": False}
PART = {"type": "http.request", "body": b"x", "more_body": True}
GONE = {"type": "http.disconnect"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "messages", [[BODY, GONE], [PART, BODY, GONE], [GONE]], ids=["body", "parts", "at once"]
)
async def test_leaves(messages: list[Message], method: str) -> None:
    """The request of a caller who left ends, quietly."""
    app = Waiting()
    await LeaveWithCaller(app)({"type": "http", "method": method}, _caller(*messages), _send)

    assert app.ended == "cancelled"


async def test_not_watched() -> None:
    """Another method may have a body, which is for others to read."""
    left = [GONE]

    async def receive() -> Message:
        return left.pop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await idle()
        await send({"type": scope["type"], "left": await receive()})

    await LeaveWithCaller(app)({"type": "http", "method": "POST"}, receive, _send)

    assert left == []


@pytest.mark.parametrize("messages", [[BODY], [BODY, BODY]], ids=["stays", "odd"])
async def test_cancelled_otherwise(messages: list[Message]) -> None:
    """A cancellation from elsewhere passes."""
    app = Waiting()
    asked = LeaveWithCaller(app)({"type": "http", "method": "GET"}, _caller(*messages), _send)
    task = asyncio.create_task(asked)
    await idle()
    task.cancel()
    await asyncio.wait((task,))

    assert (task.cancelled(), app.ended) == (True, "cancelled")
