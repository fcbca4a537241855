"""Resident memory under unique answers of 50 kB, against the cache's bound; needs Linux."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

import msgspec

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache
from app.domain.query import TaskQuery
from app.service.codings import Codings
from app.service.encode import Answer, encode

SEED = Path(__file__).parent.parent / "tests/data/expected/tasks_page_1.json"
MAX_BYTES, BOUND = 268_435_456, 1.2
ANSWERS, TASKS = 100_000, 38
_dice = random.Random(1)  # noqa: S311  # bodies, not secrets


async def main(answers: int = ANSWERS, coding: str | None = None) -> int:
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
    sys.exit(asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else ANSWERS, *sys.argv[2:])))
