"""Inquiries at the origin: one flight for all who ask, and what each gets who waits for it."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from app.cache.answers import Clocks, Found, Kept, Loaded
from app.cache.failure import fresh_copy
from app.cache.flight import Flights
from app.cache.freshness import Freshness, Verdict, begun_since, may_stand_in, patience_s
from app.cache.shelf import Landed, Shelf
from app.errors import (
    NotCachedError,
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Way(Generic[V]):
    """How one caller would have an answer loaded: see `Cache.get`."""

    load: Callable[[], Awaitable[Loaded[V]]]
    admit: Callable[[], None]
    board: Callable[[], None]
    so_far: Callable[[], Awaitable[Loaded[V] | None]]


class Inquiries(Generic[V]):
    """Asks the origin, and puts what it answers on the `shelf`."""

    def __init__(self, shelf: Shelf[V], *, clocks: Clocks, monotonic: Callable[[], float]) -> None:
        self.flights: Flights[Hashable, Landed[V]] = Flights(monotonic=monotonic)
        self._shelf = shelf
        self._clocks = clocks
        self._monotonic = monotonic

    async def make(
        self, key: Hashable, way: Way[V], wish: Freshness, verdict: Verdict[V]
    ) -> Found[V]:
        """Return what the origin says, or what may stand in for it when it fails or is late.

        Raises:
            ServiceError: as `Cache.get`.
        """
        if wish.only_if_cached:
            raise NotCachedError("Nothing that is kept will do, and no call was wanted.")
        now = self._monotonic()
        try:
            landed, led = await self.flights.join(
                key,
                lambda: self._fetch(key, way.load),
                way.admit,
                board=way.board,
                keep=not wish.no_store,
                since=begun_since(wish, self._clocks, now),
                wait_s=patience_s(verdict, wish, self._clocks, now),
            )
        except TimeoutError:
            return await self._late(key, way, wish, verdict)
        kept, forward, stored = landed.kept, verdict.forward, landed.stored
        if wish.finds_failed(kept) and (old := self._still(verdict.old, wish)) is not None:
            error = kept.error or UpstreamUnavailableError("The answer has a gap.")
            return Found(old, "stale", forward, stored, error=error, key=key)
        return Found(kept, "miss" if led else "collapsed", forward, stored, key=key)

    def begin(
        self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]], admit: Callable[[], None]
    ) -> bool:
        """Ask for nobody who waits; return False if the origin is asked already.

        Raises:
            RateLimitedError: `admit` raised it.
        """
        return self.flights.begin(key, lambda: self._fetch(key, load), admit)

    async def _late(
        self, key: Hashable, way: Way[V], wish: Freshness, verdict: Verdict[V]
    ) -> Found[V]:
        """Return what there is for a caller whose time is over; the flight goes on."""
        old = self._still(verdict.old, wish)
        if old is None or verdict.gap:
            landed = await self._so_far(key, wish, way)
            if landed is not None:
                kept, stored = landed.kept, landed.stored
                return Found(kept, "collapsed", verdict.forward, stored, late=True, key=key)
        if old is None:
            raise UpstreamTimeoutError("There was no answer in time.") from None
        return Found(old, "stale", verdict.forward, late=True, key=key)

    async def _so_far(self, key: Hashable, wish: Freshness, way: Way[V]) -> Landed[V] | None:
        """Return what the flight has by now, or None if that is nothing."""
        began = self.flights.began_at(key)
        if began is None:
            return None
        kept = self._shelf.store.peek(key)
        if kept is not None and (kept.stored_at != began or kept.error is not None):
            kept = None  # else it was made of this flight, for one who was out of time before
        if kept is not None and self._monotonic() < kept.fresh_until:
            return Landed(kept, stored=False)
        loaded = None if wish.whole else await way.so_far()
        if loaded is None:
            return None
        kept = self._shelf.answer(replace(loaded, whole=False), began)
        return self._shelf.land(key, kept, keep=not wish.no_store)

    def _still(self, old: Kept[V] | None, wish: Freshness) -> Kept[V] | None:
        # The wait itself may have been longer than what was left of the clock.
        return old if may_stand_in(old, wish, self._clocks, self._monotonic()) else None

    async def _fetch(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> Landed[V]:
        begun = self._monotonic()
        try:
            loaded = await load()
        except ServiceError as error:
            if error.nature == "refusal":
                if self.flights.keeps(key):
                    self._shelf.store.pop(key)  # what it contradicts is no answer any more
                raise
            return self._land_failure(key, error, begun)
        kept = self._shelf.answer(loaded, begun)
        return self._shelf.land(key, kept, keep=self.flights.keeps(key))

    def _land_failure(self, key: Hashable, error: ServiceError, begun: float) -> Landed[V]:
        # A copy is kept: the original holds the frames, and with them the bodies, of its call.
        told, clocks = fresh_copy(error), self._clocks
        if error.nature == "crowd":
            # Said by ourselves of this moment, and not of the origin: no reason not to ask it.
            return Landed(self._shelf.failure(told, 0.0), stored=False)
        if error.nature == "outage":
            kept = self._shelf.failure(told, clocks.failure_ttl_s)
            # For a caller who wants nothing kept too: it is no answer that others might see,
            # and the origin would be asked once for each of them.
            return self._shelf.land(key, kept, keep=self.flights.is_latest(key))
        kept = self._shelf.failure(told, clocks.not_found_ttl_s, begun)
        return self._shelf.land(key, kept, keep=self.flights.keeps(key))
