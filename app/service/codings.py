"""Compressed forms of an answer: made at the first wish for one, then kept with it."""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from typing import Final

import brotli  # type: ignore[import-untyped]  # it has one function for us
import zstandard

from app.cache.cache import Cache
from app.service.encode import Answer, Body, Delivery

WORTH_BYTES: Final = 1024
"""Up to here a body fits into a packet or two, and its coding saves nothing."""

_INLINE_BYTES: Final = 65_536
"""Up to here compressing takes less than 0.7 ms in any coding, about what a thread's start costs
a busy loop; beyond it the loop would stand still."""

CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    # Copied: what zstandard returns takes as much memory as the body that it was made of.
    "zstd": lambda body: bytes(memoryview(zstandard.ZstdCompressor(level=1).compress(body))),
    "br": lambda body: brotli.compress(body, quality=4),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}
"""What can be asked for, the best first. Levels by bench/codings.py: for 54 kB zstd 1 makes 15.6 %
in 0.05 ms (3: 16.6 %, 0.07 ms), br 4 17.1 % in 0.3 ms (5: 16.6 %, 0.5 ms), gzip 6 19.4 % in 0.5 ms
(9: 19.3 %, 0.8 ms). No date goes into a body, so that equal answers have equal codings."""

_OVERHEAD_BYTES = 288  # the bytes' object and their place, measured at 0.25 kB for the first


class Codings:
    """Makes and remembers the codings of kept answers; one press per body and coding.

    What has no room beside its answer is made for each who asks: the answer is worth more.
    """

    def __init__(self, cache: Cache[Answer]) -> None:
        self._cache = cache
        self._pressing: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    async def coded(self, found: Delivery, coding: str) -> Body:
        """Return the answer that was found in one of `CODINGS`; its ETag differs in each."""
        answer = found.unwrap()
        pressed = answer.codings.get(coding)
        if pressed is None:
            pressed = await self._press(answer, coding)
            extra_bytes = len(pressed) + _OVERHEAD_BYTES
            if coding not in answer.codings and self._cache.grow(found.key, answer, extra_bytes):
                answer.codings[coding] = pressed
        return Body(pressed, f'{answer.etag[:-1]}-{coding}"')

    async def _press(self, answer: Answer, coding: str) -> bytes:
        if len(answer.body) <= _INLINE_BYTES:
            return CODINGS[coding](answer.body)
        key = (answer.etag, coding)
        task = self._pressing.get(key)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(CODINGS[coding], answer.body))
            task.add_done_callback(lambda _: self._pressing.pop(key))
            self._pressing[key] = task
        # Shielded: who leaves takes the coding from nobody who waits for it too.
        return await asyncio.shield(task)
