"""The one door: an answer kept, awaited with others, or loaded now, and which of these it was."""

from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Generic, TypeVar

from app.cache.answers import CacheFigures, Clocks, Explained, Found, Loaded
from app.cache.flight import everybody
from app.cache.freshness import USUAL, Freshness, explain, judge
from app.cache.inquiry import Inquiries, Way
from app.cache.shelf import Shelf
from app.errors import RateLimitedError

V = TypeVar("V")


async def nothing_yet() -> None:
    """Have nothing before all is there."""


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
        self._inquiries = Inquiries(self._shelf, clocks=clocks, monotonic=monotonic)
        self._flights = self._inquiries.flights
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
            way = Way(load, admit, board, so_far)
            found = await self._inquiries.make(key, way, freshness, verdict)
            self._count(found)
            return found
        if verdict.refresh and not freshness.only_if_cached:
            with suppress(RateLimitedError):
                self._figures.refreshes += self._inquiries.begin(key, load, admit)
        if now < verdict.serve.fresh_until:
            self._figures.hits += 1
            return Found(verdict.serve, "hit", key=key)
        self._figures.stale += 1
        self._figures.stale_if_error += not verdict.refresh
        return Found(verdict.serve, "stale", key=key)

    def look(self, key: Hashable, freshness: Freshness = USUAL) -> Found[V] | None:
        """Return what is kept and fresh enough, or None; loads, waits and counts nothing."""
        kept = self._store.peek(key)
        verdict = judge(kept, freshness, self._clocks, now := self._monotonic())
        if verdict.serve is None or now >= verdict.serve.fresh_until:
            return None
        return Found(verdict.serve, "hit", key=key)

    async def answers(self, matches: Callable[[Hashable], bool]) -> list[V]:
        """Return the last whole answers, however old, of all whose key matches; counts nothing."""
        return await self._shelf.answers(matches)

    def grow(self, key: Hashable, value: V, size_bytes: int) -> bool:
        """Count `size_bytes` more for `value`; False if it is not kept under `key` any more.

        False too if it would then be too large to keep; it stays as it is.
        """
        return self._shelf.grow(key, value, size_bytes)

    def watch(self, ended: Callable[[Hashable], None]) -> None:
        """Call `ended` with every key whose answer is replaced, purged or pushed out, at once."""
        self._store.ended = ended

    def holds(self, found: Found[V]) -> bool:
        """Say whether what was found, and what that rests on, is still what is kept."""
        return all(self._store.peek(each.key) is each.kept for each in found.grounds)

    def credit(self, key: Hashable, hits: int) -> None:
        """Count `hits` that were served without asking here, as one use of what is kept."""
        self._figures.hits += hits
        self._store.get(key)

    async def purge(self, matches: Callable[[Hashable], bool], *, hard: bool = False) -> int:
        """End the freshness of all whose key matches, and return how many were kept.

        Whoever asks after this makes a call, also while one is under way that began before; the old
        answer may still stand in if the origin fails. `hard` forgets it. Failures are always
        forgotten. It takes many turns of the loop; what is loaded meanwhile is kept.
        """
        # In the air first, and what is kept in the same step, up to the first turn of others: a
        # flight that lands between the two would be kept with what it knew before.
        self._flights.forget(matches)
        return await self._shelf.revoke(matches, hard=hard)

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

    def _count(self, found: Found[V]) -> None:
        figures = self._figures
        if found.how == "miss":
            figures.misses += 1
        elif found.how == "collapsed":
            figures.collapsed += 1
        else:
            figures.stale += 1
            figures.stale_if_error += found.error is not None
