"""What a page that is not kept costs the process, and for how long it holds the event loop."""

import asyncio
import json
import statistics
import sys
import time

import httpx
import origin
import peers
import structlog
from starlette.types import ASGIApp, Message

from app.main import create_app
from app.settings import AccountSettings, ConsumerSettings, Settings, UpstreamSettings

ROUNDS = 21
COST_MUST, HOLD_MUST_MS = 3.0, 10.0


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(f"load average {peers.load()}")
    cost = await _cost(100)
    hold_ms = await _hold_ms(1000)
    print(f"a cold page of 100 tasks: {cost:.2f} x json.loads (<= {COST_MUST})")
    print(f"a cold page of 1,000 holds the loop for {hold_ms:.1f} ms (<= {HOLD_MUST_MS})")
    sys.exit(cost > COST_MUST or hold_ms > HOLD_MUST_MS)


async def _cost(tasks: int) -> float:
    body = origin.page_of(tasks)
    ratios = []
    app = _app(body)
    for number in range(ROUNDS + 1):
        begun = time.process_time()
        await _ask(app, tasks, number)
        asked = time.process_time()
        json.loads(body)
        ratios.append((asked - begun) / (time.process_time() - asked))
    return statistics.median(ratios[1:])


async def _hold_ms(tasks: int) -> float:
    """Return the median of the rounds' longest holds, in the processor's time."""
    longest: list[float] = []
    app = _app(origin.page_of(tasks))
    for number in range(ROUNDS):
        watch = asyncio.create_task(_longest_hold())
        await asyncio.sleep(0)
        await _ask(app, tasks, number)
        watch.cancel()
        longest.append(await watch)
    return statistics.median(longest[1:]) * 1000


async def _longest_hold() -> float:
    longest, last = 0.0, time.thread_time()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


async def _ask(app: ASGIApp, tasks: int, number: int) -> None:
    """Ask as a server does: a client would cost the process as much as the service itself."""
    statuses: list[int] = []
    asked = asyncio.Event()

    async def receive() -> Message:
        await asked.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    query = f"status=succeeded&limit={tasks}&policy_name={number}".encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/v1/tasks",
        "raw_path": b"/v1/tasks",
        "root_path": "",
        "query_string": query,
        "headers": [
            (b"host", b"bench"),
            (b"authorization", peers.HEADER["Authorization"].encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, send)
    if statuses != [httpx.codes.OK]:
        raise RuntimeError(statuses)


def _app(body: bytes) -> ASGIApp:
    account = {"url": "https://b.example", "client_id": "b", "client_secret": "b"}
    consumer = {"key_sha256": peers.REQUIRED["TASKGATE_CONSUMERS__BENCH__KEY_SHA256"]}
    settings = Settings(
        _env_file=None,
        accounts={"b": AccountSettings.model_validate(account)},
        consumers={"bench": ConsumerSettings.model_validate(consumer | {"rate": "10000/s"})},
        upstream=UpstreamSettings(rate=10_000),
    )
    token = {"access_token": "b", "token_type": "bearer", "expires_in": 7200}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json=token)
        return httpx.Response(200, content=body, headers={"Content-Type": "application/json"})

    return create_app(settings, transport=httpx.MockTransport(answer))


if __name__ == "__main__":
    asyncio.run(main())
