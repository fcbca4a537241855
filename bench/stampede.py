"""Cold callers all at once: what each server asks the origin, when it works and when it fails."""

import asyncio
import contextlib
import json
import sys
import time
import urllib.request
from collections import Counter

import httpx
import peers

CALLERS, DELAY_S = 200, 0.2


def main(callers: int = CALLERS) -> None:
    peers.need("nginx", "varnishd", "taskset")
    print(f"{'origin':8} {'server':9} {'callers':>8} {'calls':>6} {'seconds':>8}  statuses")
    for status in (200, 500):
        with contextlib.ExitStack() as stack:
            upstream = stack.enter_context(peers.origin(delay_s=DELAY_S, status=status))
            targets = {
                "taskgate": stack.enter_context(peers.taskgate(upstream)) + "/v1/tasks?limit=50",
                "nginx": stack.enter_context(peers.nginx(upstream)) + "/page?size=70000",
                "varnish": stack.enter_context(peers.varnish(upstream)) + "/page?size=70001",
            }
            for server, url in targets.items():
                before = _calls(upstream)
                began = time.perf_counter()
                statuses = asyncio.run(_stampede(url, callers))
                seconds = time.perf_counter() - began
                calls = _calls(upstream) - before
                print(
                    f"{status:<8} {server:9} {callers:8} {calls:6} {seconds:8.2f}  {dict(statuses)}"
                )


async def _stampede(url: str, callers: int) -> Counter[int]:
    limits = httpx.Limits(max_connections=callers)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        answers = await asyncio.gather(*(client.get(url) for _ in range(callers)))
    return Counter(answer.status_code for answer in answers)


def _calls(upstream: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream}/calls") as answer:
        return sum(json.load(answer).values())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
