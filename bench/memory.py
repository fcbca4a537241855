"""Resident memory under unique answers of 50 kB, against the cache's bound; needs Linux."""

import asyncio
import os
import sys
import time
from pathlib import Path

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache
from app.service.encode import Answer

MAX_BYTES = 268_435_456
ANSWERS, BODY_BYTES = 100_000, 50_000


async def main(answers: int = ANSWERS) -> None:
    cache = Cache[Answer](
        max_bytes=MAX_BYTES,
        clocks=Clocks(failure_ttl_s=2, not_found_ttl_s=5, stale_if_error_s=600),
        monotonic=time.monotonic,
        rand=lambda: 0.5,
    )
    before, most = _resident(), 0
    for number in range(answers):

        async def load() -> Loaded[Answer]:
            answer = Answer(os.urandom(64) * (BODY_BYTES // 64), '"x"')
            return Loaded(answer, answer.size_bytes, 60.0)

        await cache.get(("tasks", number), load)
        if number % 1000 == 0:
            most = max(most, _resident())
    figures = cache.figures()
    print(f"{answers} answers, {figures.entries} kept, {figures.bytes / 1e6:.0f} MB counted")
    print(f"resident: {before / 1e6:.0f} MB before, {most / 1e6:.0f} MB at most")
    print(f"grown by {(most - before) / MAX_BYTES:.3f} of the bound")


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
