"""What is kept under each key: dated, the last whole answer behind what came after it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from app.cache.answers import Clocks, Kept, Loaded
from app.cache.failure import FAILURE_BYTES
from app.cache.store import Store
from app.errors import ServiceError

_JITTER: Final = 0.1

_TURN_BYTES: Final = 8_000_000
"""What is looked at before others have their turn: 1 ms or less, for a key as well as for a body
that is let go takes its time, at 10 µs each and at 50 µs for a million bytes."""

_KEY_BYTES: Final = _TURN_BYTES // 64

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Landed(Generic[V]):
    """What a flight brought, and whether it was kept."""

    kept: Kept[V]
    stored: bool


class Shelf(Generic[V]):
    """Puts what came where it belongs; every TTL is spread by ±10 %.

    It counts since the load began, but from now on for what a slow origin caused, failures and
    gaps: it would else be over before it spared anyone a call.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        clocks: Clocks,
        monotonic: Callable[[], float],
        rand: Callable[[], float],
    ) -> None:
        self.store: Store[Kept[V]] = Store(max_bytes=max_bytes)
        self._clocks = clocks
        self._monotonic = monotonic
        self._rand = rand

    def answer(self, loaded: Loaded[V], begun: float) -> Kept[V]:
        """Return what a load that began at `begun` brought, with its clocks."""
        since = begun if loaded.whole else self._monotonic()
        fresh_until = since + self._spread(loaded.ttl_s)
        return Kept(loaded.value, None, begun, fresh_until, loaded.size_bytes, loaded.whole)

    def failure(self, error: ServiceError, ttl_s: float, since: float | None = None) -> Kept[V]:
        """Return a failure with its clocks; an answer by name counts `since` then."""
        since = self._monotonic() if since is None else since
        return Kept(None, error, since, since + self._spread(ttl_s), FAILURE_BYTES)

    def land(self, key: Hashable, kept: Kept[V], *, keep: bool) -> Landed[V]:
        """Keep what came, before the last whole answer if it is none itself.

        The flight's own last step, so that no moment exists in which the answer is neither in the
        air nor kept.
        """
        last = self.store.peek(key)
        good = None if last is None else last.good
        is_answer = kept.whole or (kept.error is not None and kept.outage is None)
        if good is not None and not is_answer:
            size_bytes = kept.size_bytes + good.size_bytes
            kept = replace(kept, behind=good, size_bytes=size_bytes)
        if kept.outage is not None:
            kept = replace(kept, probe_at=kept.stored_at + self._clocks.probe_s)
        since = kept.stored_at if is_answer else self._monotonic()
        lasts = kept.fresh_until > since or kept.behind is not None
        if not (lasts and keep):
            return Landed(kept, stored=False)
        stored = self.store.put(key, kept, size_bytes=kept.size_bytes)
        if not stored and kept.behind is not None:
            # The two don't fit together: the good one stays alone, and is what the probe waits for.
            alone = replace(kept.behind, probe_at=kept.probe_at)
            self.store.put(key, alone, size_bytes=alone.size_bytes)
        return Landed(kept, stored)

    def grow(self, key: Hashable, value: V, size_bytes: int) -> bool:
        """Count `size_bytes` more for `value`; False if it is not kept under `key` any more.

        False too if it would then be too large to keep; it stays as it is.
        """
        kept = self.store.peek(key)
        grown = None if kept is None else kept.grown(value, size_bytes)
        if grown is None or not self.store.fits(key, size_bytes=grown.size_bytes):
            return False
        return self.store.put(key, grown, size_bytes=grown.size_bytes)

    async def revoke(self, matches: Callable[[Hashable], bool], *, hard: bool) -> int:
        """End the freshness of all whose key matches, or forget them; return how many there were.

        Failures are always forgotten. Others have their turns meanwhile: what they have loaded
        since this began is newer, and stays. Which that is tells its date and not the object, for
        what was there before may have grown by a coding.
        """
        since, purged = self._monotonic(), 0
        async for key, kept in self._matching(matches):
            left = kept.purged(since, hard=hard)
            if left is None:
                self.store.pop(key)
            elif left.size_bytes == kept.size_bytes:
                self.store.swap(key, left)
            else:
                self.store.put(key, left, size_bytes=left.size_bytes)
            purged += left is not kept
        return purged

    async def answers(self, matches: Callable[[Hashable], bool]) -> list[V]:
        """Return the last whole answers, however old, of all whose key matches."""
        good = [kept.good async for _, kept in self._matching(matches)]
        return [each.value for each in good if each is not None and each.value is not None]

    async def _matching(
        self, matches: Callable[[Hashable], bool]
    ) -> AsyncIterator[tuple[Hashable, Kept[V]]]:
        """Yield what is kept under the matching keys of now, with a turn for others in between.

        The keys are taken before the first turn, so none is missed and none comes twice; the value
        is looked up in the very step that yields it, and what is done with it before the next one
        is asked for is done to what is kept then.
        """
        keys, done = self.store.keys(), 0
        while keys:
            key = keys.pop()  # the list may be the last that holds it: all at once would take long
            kept = self.store.peek(key) if matches(key) else None
            done += _KEY_BYTES
            if kept is not None:
                yield key, kept
                done += kept.size_bytes
            if done >= _TURN_BYTES:
                done = 0
                await asyncio.sleep(0)

    def _spread(self, ttl_s: float) -> float:
        return ttl_s * (1 - _JITTER + 2 * _JITTER * self._rand())
