"""What kept answers hold in memory: what is counted, and little besides their bytes."""

import gc
import random
import tracemalloc

import pytest

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache
from app.domain.query import Age, TaskQuery, Window
from app.service.codings import CODINGS, Codings
from app.service.encode import Answer, encode

MANY = 24
LINK = '</v1/tasks?cursor={:0250}>; rel="next"'


class Keeper:
    """A cache that is asked for pages of about 12 kB, each in all codings."""

    def __init__(self) -> None:
        self.cache = Cache[Answer](
            max_bytes=1_000_000_000,
            clocks=Clocks(failure_ttl_s=2.0, not_found_ttl_s=5.0),
            monotonic=lambda: 0.0,
            rand=lambda: 0.5,
        )
        self._codings = Codings(self.cache)
        self._dice = random.Random(1)  # noqa: S311  # no secret

    async def keep(self, number: int, *, ids: int = 0) -> int:
        """Keep one more answer, to a question of so many ids; return its bytes in all codings."""

        async def load() -> Loaded[Answer]:
            body = [self._dice.randbytes(30).hex() for _ in range(200)]
            answer = encode(body, link=LINK.format(number))
            return Loaded(answer, answer.size_bytes, 60.0)

        query = TaskQuery(
            accounts=("eu2",),
            ids=tuple(f"eu2.{944455285181775872 + number * 1000 + each}" for each in range(ids)),
            filters=(("policy", (f"policy{number}",)),),
            windows=(("created_at", Window(after=Age(number * 86_400))),),
        )
        found = await self.cache.get(query, load)
        coded = [await self._codings.coded(found, coding) for coding in CODINGS]
        return len(found.unwrap().body) + sum(len(each.body) for each in coded)


async def _held_and_bodies(keeper: Keeper, *, ids: int) -> tuple[int, int]:
    """Return the bytes that many answers take in memory, and those that are their bodies."""
    await keeper.keep(MANY, ids=ids)
    gc.collect(1)
    tracemalloc.start()
    bodies = sum([await keeper.keep(number, ids=ids) for number in range(MANY)])
    gc.collect(1)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held, bodies


async def test_little_besides() -> None:
    """A kept answer takes its bytes in all codings and no more than 2 KB."""
    held, bodies = await _held_and_bodies(Keeper(), ids=0)

    assert held <= bodies + MANY * 2_048


@pytest.mark.parametrize("ids", [0, 60], ids=["short question", "long question"])
async def test_counted(ids: int) -> None:
    """What is counted for answers, questions and codings is no less than what they hold."""
    keeper = Keeper()
    held, _ = await _held_and_bodies(keeper, ids=ids)

    assert held <= keeper.cache.figures().bytes
