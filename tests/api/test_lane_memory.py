"""What the lane holds for a question that it learnt, beside what the cache holds anyway."""

import asyncio
import gc
import tracemalloc
from typing import Any, Literal

import pytest
import uvloop
from structlog.testing import capture_logs

from tests.api.test_fastlane import app_in
from tests.support.platform import FakeTime
from tests.support.wire import Wire, request, served

MANY = 64
Door = Literal["asgi", "protocol"]
CURL = {"user_agent": "curl/8.5.0", "accept": "*/*", "authorization": "Bearer tg_" + "k" * 52}
BROWSER = CURL | {
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "accept_encoding": "gzip, deflate, br, zstd",
    "accept_language": "en-GB,en;q=0.9,de;q=0.8",
    "cookie": "c" * 300,
    **{f"sec_fetch_{name}": "none" for name in ("dest", "mode", "site", "user")},
    **{f"sec_ch_ua_{name}": '"Chromium";v="130"' for name in ("arch", "mobile", "platform")},
}


async def held_after(times: int, app: Any, wire: Wire, headers: dict[str, str]) -> int:
    """Ask many questions so many times, and return the bytes that are held then."""
    with capture_logs():
        for number in range(MANY):
            asked = request(f"/v1/tasks?limit=5&priority=high&id={number}", **headers)
            for _ in range(times):
                assert (await wire.ask(asked)).startswith(b"HTTP/1.1 200")
        app.state.lane.sent.__self__.settle()  # what the journal noted meanwhile is no question's
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def held_by_lane(door: Door, headers: dict[str, str]) -> float:
    """Return the bytes that the lane holds for a question that it learnt."""
    app = app_in(door, FakeTime())
    async with served(app, door=door == "protocol") as server:
        wire = server.connect()
        tracemalloc.start()
        before = await held_after(1, app, wire, headers)
        held = await held_after(3, app, wire, headers) - before
        tracemalloc.stop()
    return held / len(app.state.lane._replies)  # noqa: SLF001  # those that it learnt


@pytest.mark.parametrize(
    ("door", "headers"), [("asgi", CURL), ("protocol", BROWSER)], ids=["asgi", "protocol"]
)
def test_little_besides(door: Door, headers: dict[str, str]) -> None:
    """A learnt question takes less than 1 KB, and at the protocol's door the bytes of its head."""
    head = len(request("/v1/tasks?limit=5&priority=high&id=10", x_request_id=None, **headers))
    # asyncio's own loop holds timers that were cancelled.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        held = runner.run(held_by_lane(door, headers))

    assert held <= 1024 + (head if door == "protocol" else 0)
