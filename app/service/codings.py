"""Compressed forms of an answer: made at the first wish for one, then kept with it."""

import asyncio
import gzip
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
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


# Compressing lets go of the interpreter's lock: two keep up with one loop, and leave it its turns.
_THREADS = 2


class Codings:
    """Makes and remembers the codings of kept answers; one press per answer and coding.

    What has no room beside its answer is made for each who asks: the answer is worth more. Its
    threads are its own: asyncio's are also those in which names are looked up, and a resolver that
    hangs would hold up answers that need nobody.
    """

    def __init__(self, cache: Cache[Answer]) -> None:
        self._cache = cache
        self._pressing: dict[tuple[Hashable, str, str], asyncio.Task[bytes]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="codings")

    async def coded(self, found: Delivery, coding: str, *, wait_s: float | None = None) -> Body:
        """Return the answer that was found in one of `CODINGS`; its ETag differs in each.

        As it is, if pressing a large one takes longer than `wait_s`, which may be over; it goes on.
        """
        answer = found.unwrap()
        pressed = answer.codings.get(coding)
        if pressed is None and len(answer.body) <= _INLINE_BYTES:
            pressed = CODINGS[coding](answer.body)
            self._keep(found.key, answer, coding, pressed)
        if pressed is None:
            task = self._press(found.key, answer, coding)
            # `wait` leaves the task alone: who leaves takes the coding from nobody.
            await asyncio.wait([task], timeout=wait_s)
            if not task.done():
                return answer
            pressed = task.result()
        return Body(pressed, f'{answer.etag[:-1]}-{coding}"')

    def close(self) -> None:
        """Take no more work; what is being pressed ends by itself."""
        self._threads.shutdown(wait=False)

    def _press(self, key: Hashable, answer: Answer, coding: str) -> asyncio.Task[bytes]:
        async def press() -> bytes:
            loop = asyncio.get_running_loop()
            pressed = await loop.run_in_executor(self._threads, CODINGS[coding], answer.body)
            self._keep(key, answer, coding, pressed)
            return pressed

        name = (key, answer.etag, coding)
        task = self._pressing.get(name)
        if task is None:
            task = self._pressing[name] = asyncio.create_task(press())
            task.add_done_callback(lambda _: self._pressing.pop(name))
        return task

    def _keep(self, key: Hashable, answer: Answer, coding: str, pressed: bytes) -> None:
        if self._cache.grow(key, answer, len(pressed) + _OVERHEAD_BYTES):
            answer.codings[coding] = pressed
