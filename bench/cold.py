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

from app.main import create_app
from app.settings import AccountSettings, Settings, UpstreamSettings

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
    async with _client(body) as client:
        for number in range(ROUNDS + 1):
            begun = time.process_time()
            await _ask(client, tasks, number)
            asked = time.process_time()
            json.loads(body)
            ratios.append((asked - begun) / (time.process_time() - asked))
    return statistics.median(ratios[1:])


async def _hold_ms(tasks: int) -> float:
    """Return the median of the rounds' longest holds, in the processor's time."""
    longest: list[float] = []
    async with _client(origin.page_of(tasks)) as client:
        for number in range(ROUNDS):
            watch = asyncio.create_task(_longest_hold())
            await asyncio.sleep(0)
            await _ask(client, tasks, number)
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


async def _ask(client: httpx.AsyncClient, tasks: int, number: int) -> None:
    answer = await client.get(f"/v1/tasks?status=succeeded&limit={tasks}&policy_name={number}")
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(answer.text)


def _client(body: bytes) -> httpx.AsyncClient:
    account = {"url": "https://b.example", "client_id": "b", "client_secret": "b"}
    settings = Settings(
        _env_file=None,
        auth="off",
        accounts={"b": AccountSettings.model_validate(account)},
        upstream=UpstreamSettings(rate=10_000),
    )
    token = {"access_token": "b", "token_type": "bearer", "expires_in": 7200}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json=token)
        return httpx.Response(200, content=body, headers={"Content-Type": "application/json"})

    app = create_app(settings, transport=httpx.MockTransport(answer))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://bench",
        headers={"Accept-Encoding": "identity"},
    )


if __name__ == "__main__":
    asyncio.run(main())
