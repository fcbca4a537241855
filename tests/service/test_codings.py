"""Codings of kept answers."""

import asyncio
import gzip
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.cache.answers import Clocks, Loaded
from app.cache.cache import Cache
from app.service.codings import Codings
from app.service.encode import Answer, Delivery


async def _kept(body: bytes, *, max_bytes: int = 99_999_999) -> tuple[Cache[Answer], Delivery]:
    clocks = Clocks(failure_ttl_s=2.0, not_found_ttl_s=5.0)
    cache = Cache[Answer](
        max_bytes=max_bytes, clocks=clocks, monotonic=lambda: 0.0, rand=lambda: 0.5
    )

    async def load() -> Loaded[Answer]:
        return Loaded(Answer(body, '"abc"'), len(body), 10.0)

    return cache, await cache.get("key", load)


@pytest.mark.parametrize("size", [2_000, 200_000], ids=["here", "in a thread"])
async def test_made_once(size: int) -> None:
    """A coding is made once, kept and counted with the answer, and has an ETag of its own."""
    cache, found = await _kept(b"x" * size)
    before = cache.figures().bytes
    codings = Codings(cache)
    one, other = await asyncio.gather(codings.coded(found, "gzip"), codings.coded(found, "gzip"))
    brotli = await codings.coded(found, "br")

    assert one.body is (await codings.coded(found, "gzip")).body
    assert one == other
    assert gzip.decompress(one.body) == found.unwrap().body
    assert (one.etag, brotli.etag) == ('"abc-gzip"', '"abc-br"')
    assert cache.figures().bytes == before + len(one.body) + len(brotli.body) + 2 * 288


async def test_no_room() -> None:
    """A coding that would make its answer too large to keep is not kept; the answer is."""
    body = random.Random(1).randbytes(9_000)  # noqa: S311  # no secret
    cache, found = await _kept(body, max_bytes=80_000)
    before = cache.figures().bytes
    made = await Codings(cache).coded(found, "gzip")

    assert gzip.decompress(made.body) == body
    assert (found.unwrap().codings, cache.figures().bytes) == ({}, before)
    assert cache.look("key") is not None


async def test_threads_of_its_own() -> None:
    """A resolver that hangs in every thread of the loop holds up no coding."""
    hung = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    lookup = loop.run_in_executor(None, hung.wait)
    cache, found = await _kept(b"x" * 200_000)
    try:
        async with asyncio.timeout(5):
            made = await Codings(cache).coded(found, "gzip")
    finally:
        hung.set()
        await lookup

    assert gzip.decompress(made.body) == found.unwrap().body


async def test_no_time() -> None:
    """Who has no time for a large coding gets the answer as it is; the next finds it pressed."""
    cache, found = await _kept(b"x" * 200_000)
    codings = Codings(cache)
    plain = await codings.coded(found, "gzip", wait_s=0)
    pressed = await codings.coded(found, "gzip")
    again = await codings.coded(found, "gzip", wait_s=0)
    codings.close()

    assert plain is found.unwrap()
    assert again.body is pressed.body
