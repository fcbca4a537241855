"""The one door: an answer kept, awaited with others, or loaded now, and which of these it was."""

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from app.cache.answers import CacheFigures, Clocks, Explained, Forward, Found, Kept, Loaded
from app.cache.failure import fresh_copy
from app.cache.flight import Flights, everybody
from app.cache.freshness import USUAL, Freshness, Verdict, explain, judge, may_stand_in
from app.cache.shelf import Landed, Shelf
from app.errors import (
    NotCachedError,
    RateLimitedError,
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

V = TypeVar("V")


async def nothing_yet() -> None:
    """Have nothing before all is there."""


@dataclass(frozen=True, slots=True)
class _Way(Generic[V]):
    """How one caller would have an answer loaded: see `Cache.get`."""

    load: Callable[[], Awaitable[Loaded[V]]]
    admit: Callable[[], None]
    board: Callable[[], None]
    so_far: Callable[[], Awaitable[Loaded[V] | None]]


class Cache(Generic[V]):
    """Answers by question: each is loaded once, kept for its time, and shared by all who ask.

    Failures with a name are answers too, so that a dying origin is not asked once per caller; but
    they never end an older good answer, which is served, marked, while the origin fails. Every TTL
    is spread by ±10 %, lest what was loaded together ends together.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        clocks: Clocks,
        monotonic: Callable[[], float],
        rand: Callable[[], float],
    ) -> None:
        self._shelf = Shelf[V](max_bytes=max_bytes, clocks=clocks, monotonic=monotonic, rand=rand)
        self._store = self._shelf.store
        self._flights: Flights[Hashable, Landed[V]] = Flights(monotonic=monotonic)
        self._clocks = clocks
        self._monotonic = monotonic
        self._figures = CacheFigures()

    async def get(
        self,
        key: Hashable,
        load: Callable[[], Awaitable[Loaded[V]]],
        freshness: Freshness = USUAL,
        admit: Callable[[], None] = everybody,
        *,
        board: Callable[[], None] = everybody,
        so_far: Callable[[], Awaitable[Loaded[V] | None]] = nothing_yet,
    ) -> Found[V]:
        """Return the answer to `key` that satisfies `freshness`, from `load` if none is kept.

        `admit` is called in the caller's own context when this very call is about to begin a load.
        It raises a `RateLimitedError` to prevent it: what may be served old is served then. `board`
        is called instead in the load's context when this call waits for one that another began.

        `load` runs detached from the caller and for all who ask meanwhile, so it must hold nothing
        that belongs to one request. A `ServiceError` of it is found, not raised: see `unwrap`.

        A caller whose time is over while `load` runs, and for whom nothing old may stand in, gets
        what `so_far` makes of what that load has by now; it must not wait for anything. So does one
        for whom the last answer had a gap, before something old and whole.

        Raises:
            NotCachedError: nothing kept will do, and the caller wants no call.
            RateLimitedError: `admit` raised it.
            ServiceError: `load` refuses the request (`nature`), or `so_far` does; not kept.
            UpstreamTimeoutError: the caller's time is over, and there is nothing at all.
            UpstreamUnavailableError: the cache closes while the caller waits.
            Exception: a bug in `load`, told to each caller; not kept.
        """
        now = self._monotonic()
        kept = self._store.get(key)
        if kept is not None and freshness is USUAL and now < kept.fresh_until and not kept.error:
            # Nearly every caller: no verdict is needed to see it.
            self._figures.hits += 1
            return Found(kept, "hit", key=key)
        verdict = judge(kept, freshness, self._clocks, now)
        if verdict.serve is None:
            # No await since the look: an answer is either kept by now or its flight can be joined.
            return await self._ask(key, _Way(load, admit, board, so_far), freshness, verdict)
        if verdict.refresh and not freshness.only_if_cached:
            with suppress(RateLimitedError):
                self._figures.refreshes += self._flights.begin(
                    key, lambda: self._fetch(key, load), admit
                )
        if now < verdict.serve.fresh_until:
            self._figures.hits += 1
            return Found(verdict.serve, "hit", key=key)
        self._figures.stale += 1
        if not verdict.refresh:
            self._figures.stale_if_error += 1
        return Found(verdict.serve, "stale", key=key)

    def look(self, key: Hashable) -> Found[V] | None:
        """Return what is kept and fresh, or None; loads, waits and counts nothing."""
        kept = self._store.get(key)
        verdict = judge(kept, USUAL, self._clocks, now := self._monotonic())
        if verdict.serve is None or now >= verdict.serve.fresh_until:
            return None
        return Found(verdict.serve, "hit", key=key)

    def grow(self, key: Hashable, value: V, size_bytes: int) -> bool:
        """Count `size_bytes` more for `value`; False if it is not kept under `key` any more.

        False too if it would then be too large to keep; it stays as it is.
        """
        return self._shelf.grow(key, value, size_bytes)

    def watch(self, ended: Callable[[Hashable], None]) -> None:
        """Call `ended` with every key whose answer is replaced, purged or pushed out, at once."""
        self._store.ended = ended

    def holds(self, found: Found[V]) -> bool:
        """Say whether what was found is still what is kept."""
        return self._store.peek(found.key) is found.kept

    def credit(self, key: Hashable, hits: int) -> None:
        """Count `hits` that were served without asking here, as one use of what is kept."""
        self._figures.hits += hits
        self._store.get(key)

    def purge(self, matches: Callable[[Hashable], bool], *, hard: bool = False) -> int:
        """End the freshness of all whose key matches, and return how many were kept.

        The next to ask makes a call, also while one is under way that began before; the old answer
        may still stand in if the origin fails. `hard` forgets it. Failures are always forgotten.
        """
        self._flights.forget(matches)
        return self._shelf.revoke(matches, hard=hard)

    def explain(self, key: Hashable, freshness: Freshness = USUAL) -> Explained:
        """Return what is known of `key` and how `get` would answer; asks and counts nothing."""
        kept, now = self._store.peek(key), self._monotonic()
        return explain(kept, freshness, self._clocks, now, in_the_air=key in self._flights)

    def figures(self) -> CacheFigures:
        """Return what is held and what happened so far."""
        store = self._store
        return replace(
            self._figures,
            entries=len(store),
            bytes=store.size_bytes,
            evictions=store.evictions,
        )

    async def aclose(self) -> None:
        """Cancel the loads under way and wait for their end; what is kept stays readable."""
        await self._flights.aclose()

    async def _ask(
        self,
        key: Hashable,
        way: _Way[V],
        wish: Freshness,
        verdict: Verdict[V],
    ) -> Found[V]:
        if wish.only_if_cached:
            raise NotCachedError("Nothing that is kept will do, and no call was wanted.")
        old, forward = verdict.old, verdict.forward
        now = self._monotonic()
        since = None if wish.max_age_s is None else now - wish.max_age_s
        if wish.no_cache:
            since = now - self._clocks.now_s
        try:
            landed, led = await self._flights.join(
                key,
                lambda: self._fetch(key, way.load),
                way.admit,
                board=way.board,
                keep=not wish.no_store,
                since=since,
                wait_s=self._wait_s(wish, verdict, now),
            )
        except TimeoutError:
            if old is not None and not self._still(old, wish):
                old = None
            found = None
            if old is None or verdict.gap:
                found = await self._hurried(key, wish, forward, way)
            if found is None and old is not None:
                self._figures.stale += 1
                found = Found(old, "stale", forward, late=True, key=key)
            if found is None:
                raise UpstreamTimeoutError("There was no answer in time.") from None
            return found
        kept = landed.kept
        if wish.finds_failed(kept) and old is not None and self._still(old, wish):
            self._figures.stale += 1
            self._figures.stale_if_error += 1
            error = kept.error or UpstreamUnavailableError("The answer has a gap.")
            return Found(old, "stale", forward, landed.stored, error=error, key=key)
        if led:
            self._figures.misses += 1
        else:
            self._figures.collapsed += 1
        return Found(kept, "miss" if led else "collapsed", forward, landed.stored, key=key)

    def _wait_s(self, wish: Freshness, verdict: Verdict[V], now: float) -> float | None:
        """Return how long to wait for the origin; None is as long as it takes."""
        old, soft_s = verdict.old, self._clocks.soft_wait_s
        # Patience is cut short only for what may still stand in by then.
        if not verdict.soft or old is None:
            return wish.wait_s
        if not may_stand_in(old, wish, self._clocks, now + soft_s):
            return wish.wait_s
        return soft_s if wish.wait_s is None else min(wish.wait_s, soft_s)

    async def _hurried(
        self,
        key: Hashable,
        wish: Freshness,
        forward: Forward,
        way: _Way[V],
    ) -> Found[V] | None:
        """Return what there is so far for a caller whose time is over; the flight goes on."""
        began = self._flights.began_at(key)
        kept = self._store.peek(key)
        if began is None or kept is None or kept.stored_at != began or kept.error is not None:
            kept = None  # else it was made of this flight, for one who was out of time before
        if kept is None or self._monotonic() >= kept.fresh_until:
            loaded = None if began is None or wish.whole else await way.so_far()
            if loaded is None or began is None:
                return None
            kept = self._shelf.answer(replace(loaded, whole=False), began)
            landed = self._shelf.land(key, kept, keep=not wish.no_store)
        else:
            landed = Landed(kept, stored=False)
        self._figures.collapsed += 1
        return Found(landed.kept, "collapsed", forward, landed.stored, late=True, key=key)

    def _still(self, old: Kept[V], wish: Freshness) -> bool:
        # The wait itself may have been longer than what was left of the clock.
        return may_stand_in(old, wish, self._clocks, self._monotonic())

    async def _fetch(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> Landed[V]:
        clocks, begun = self._clocks, self._monotonic()
        try:
            loaded = await load()
        except ServiceError as error:
            if error.nature == "refusal":
                if self._flights.keeps(key):
                    self._store.pop(key)  # what it contradicts is no answer any more
                raise
            # A copy is kept: the original holds the frames, and with them the bodies, of its call.
            told = fresh_copy(error)
            if error.nature == "crowd":
                # Said by ourselves of this moment, and not of the origin: no reason not to ask it.
                return Landed(self._shelf.failure(told, 0.0), stored=False)
            if error.nature == "outage":
                kept = self._shelf.failure(told, clocks.failure_ttl_s)
                # For a caller who wants nothing kept too: it is no answer that others might see,
                # and the origin would be asked once for each of them.
                return self._shelf.land(key, kept, keep=self._flights.is_latest(key))
            kept = self._shelf.failure(told, clocks.not_found_ttl_s, begun)
            return self._shelf.land(key, kept, keep=self._flights.keeps(key))
        kept = self._shelf.answer(loaded, begun)
        return self._shelf.land(key, kept, keep=self._flights.keeps(key))
