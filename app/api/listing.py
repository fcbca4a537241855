"""What every route of kept answers does: count its upstream calls, render what was found."""

from collections.abc import Awaitable

from fastapi import Request, Response

from app.api.freshness import Renderer
from app.service.encode import Delivery
from app.telemetry import calls


async def answered(question: Awaitable[Delivery], request: Request, renderer: Renderer) -> Response:
    """Await `question` and return its answer; the calls it caused are for the log line."""
    made = calls.begin()
    try:
        return renderer.render(await question, request)
    finally:
        request.state.upstream_calls = made.number
