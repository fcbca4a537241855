"""Memory: of answers that the lane learnt, beside their bytes; of a full cache; needs Linux."""

import asyncio
import gc
import os
import random
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Literal

import httpx
import msgspec
import origin
import structlog

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache
from app.domain.query import TaskQuery
from app.service.codings import Codings
from app.service.encode import Answer, encode

ROOT = Path(__file__).parent.parent
SEED = ROOT / "tests/data/expected/tasks_page_1.json"
MAX_BYTES, BOUND = 268_435_456, 1.2
ANSWERS, TASKS = 100_000, 38
LEARNT, WARM, BESIDES_MUST = 300, 600, 2_048
_dice = random.Random(1)  # noqa: S311  # bodies, not secrets

sys.path.insert(0, str(ROOT))
from tests.support.consumers import bearer, required  # noqa: E402
from tests.support.platform import FakeTime  # noqa: E402
from tests.support.serving import built, configured, network  # noqa: E402
from tests.support.wire import request, served  # noqa: E402

CURL = {"user_agent": "curl/8.5.0", "accept": "*/*", "accept_language": "en", **bearer("shop")}
BROWSER = {
    "connection": "keep-alive",
    "sec_ch_ua": '"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
    "sec_ch_ua_mobile": "?0",
    "sec_ch_ua_platform": '"Linux"',
    "upgrade_insecure_requests": "1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "sec_fetch_site": "none",
    "sec_fetch_mode": "navigate",
    "accept_encoding": "gzip, deflate, br, zstd",
    "accept_language": "en-GB,en;q=0.9,de;q=0.8",
    "cookie": "c" * 300,
    **bearer("shop"),
}
Door = Literal["asgi", "protocol"]
DOORS: tuple[Door, ...] = ("asgi", "protocol")
HEADS: dict[str, dict[str, str]] = {"curl": CURL, "browser": BROWSER}


def main(answers: int = ANSWERS, coding: str | None = None) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    over = asyncio.run(_full(answers, coding))
    for door in DOORS:
        for name in HEADS:
            over += asyncio.run(_learnt(door, name))
    return min(over, 1)


async def _learnt(door: Door, name: str) -> int:
    """Measure what answers hold beside their bytes in all codings, each with a question learnt."""
    headers, time = HEADS[name], FakeTime()
    app = built(
        configured("eu2", fastlane=door, **required(shop={"rate": "100000/s"})),
        network({"eu2": httpx.MockTransport(_platform)}),
        time,
        write_lines=lambda _: None,
    )
    asked, before = b"", 0
    async with served(app, door=door == "protocol") as server:
        wire = server.connect()
        tracemalloc.start()
        # What the process remembers of requests anyway is full by then.
        for number in range(-WARM, LEARNT):
            if number == 0:
                before = _traced() - _bodies()
            odd = {"cache_control": "no-store"} if number < 0 else {}
            target = f"/v1/tasks?limit=12&status=succeeded&policy_name=some-policy-{number:03}"
            asked = request(target, x_request_id=None, **headers, **odd)
            for _ in range(1 if number < 0 else 4):
                await wire.ask(asked)
                time.now += 0.001
        time.now += 2
        await wire.ask(asked)
        await asyncio.sleep(0.2)  # the journal's lines
        head = len(asked) if door == "protocol" else 0
        besides = (_traced() - _bodies() - before) / LEARNT - head
        tracemalloc.stop()
    print(f"{door}, {name}: {besides:.0f} B besides (<= {BESIDES_MUST}), and a head of {head} B")
    return int(besides > BESIDES_MUST)


def _platform(asked: httpx.Request) -> httpx.Response:
    if asked.url.path.endswith("/token"):
        token = {"access_token": "b", "token_type": "bearer", "expires_in": 7200}
        return httpx.Response(200, json=token)
    return httpx.Response(
        200, content=origin.page_of(12), headers={"Content-Type": "application/json"}
    )


def _bodies() -> int:
    """Return the bytes of the answers that there are, in all codings."""
    answers = [each for each in gc.get_objects() if isinstance(each, Answer)]
    return sum(len(each.body) + sum(map(len, each.codings.values())) for each in answers)


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _full(answers: int, coding: str | None) -> int:
    cache = Cache[Answer](
        max_bytes=MAX_BYTES,
        clocks=Clocks(failure_ttl_s=2, not_found_ttl_s=5, stale_if_error_s=600),
        monotonic=time.monotonic,
        rand=lambda: 0.5,
    )
    codings, task = Codings(cache), msgspec.json.decode(SEED.read_bytes())[0]
    before, most = _resident(), 0
    for number in range(answers):

        async def load() -> Loaded[Answer]:
            # Encoded as answers are, and of sizes that differ, as those of answers do.
            items = [task | {"title": _dice.randbytes(8).hex()}] * (TASKS + _dice.randint(-5, 5))
            answer = encode({"items": items})
            return Loaded(answer, answer.size_bytes, 60.0)

        query = TaskQuery(accounts=("eu2",), filters=(("policy", (f"policy{number}",)),))
        found = await cache.get(query, load)
        if coding is not None:
            await codings.coded(found, coding)
        if number % 1000 == 0:
            most = max(most, _resident())
    figures = cache.figures()
    grown = (most - before) / MAX_BYTES
    print(f"{answers} answers, {figures.entries} kept, {figures.bytes / 1e6:.0f} MB counted")
    print(f"resident: {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most")
    print(f"grown by {grown:.3f} of the bound, at most {BOUND}")
    return int(grown > BOUND)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ANSWERS, *sys.argv[2:]))
