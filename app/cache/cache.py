"""The one door: an answer kept, awaited with others, or loaded now, and which of these it was."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar, cast

from app.cache.flight import Flights, fresh_copy
from app.cache.store import Store
from app.errors import RequestError, ServiceError

How = Literal["hit", "miss", "collapsed"]

FAILURE_BYTES: Final = 512
"""What a kept failure counts: 433 B measured for an error with a detail of 60 characters."""

_NOT_FOUND: Final = 404
_JITTER: Final = 0.1

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[V]):
    """What a loader returns.

    `value` goes to strangers, so it is immutable; `size_bytes` is all that it holds in memory;
    `ttl_s` of 0 shares it with those who wait now and keeps nothing.
    """

    value: V
    size_bytes: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A value or a failure with its clocks, in monotonic seconds; the two never stand together."""

    value: V | None
    error: ServiceError | None
    stored_at: float
    fresh_until: float


@dataclass(frozen=True, slots=True)
class Found(Generic[V]):
    """What the cache has for a question, and how it came by it."""

    kept: Kept[V]
    how: How

    def unwrap(self) -> V:
        """Return the value.

        Raises:
            ServiceError: a failure is what was found; each call raises a copy of its own.
        """
        if self.kept.error is not None:
            raise fresh_copy(self.kept.error)
        return cast("V", self.kept.value)

    def age_s(self, now: float) -> float:
        """Return the seconds since the load ended; `now` is monotonic."""
        return max(0.0, now - self.kept.stored_at)

    def ttl_left_s(self, now: float) -> float:
        """Return the seconds for which this is still fresh; `now` is monotonic."""
        return max(0.0, self.kept.fresh_until - now)


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What is held now; since the start, callers answered by `How`, and entries pushed out."""

    entries: int
    bytes: int
    hits: int
    misses: int
    collapsed: int
    evictions: int


class Cache(Generic[V]):
    """Answers by question: each is loaded once, kept for its time, and shared by all who ask.

    Failures with a name are answers too: kept for `failure_ttl_s`, or `not_found_ttl_s` for a 404,
    so that a dying origin is not asked once per caller. Every TTL is spread by ±10 %, lest
    what was loaded together ends together.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        failure_ttl_s: float,
        not_found_ttl_s: float,
        monotonic: Callable[[], float],
        rand: Callable[[], float],
    ) -> None:
        self._store: Store[Kept[V]] = Store(max_bytes=max_bytes)
        self._flights: Flights[Hashable, Kept[V]] = Flights()
        self._failure_ttl_s = failure_ttl_s
        self._not_found_ttl_s = not_found_ttl_s
        self._monotonic = monotonic
        self._rand = rand
        self._answered: dict[How, int] = {"hit": 0, "miss": 0, "collapsed": 0}

    async def get(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> Found[V]:
        """Return the fresh answer to `key`, from `load` if nothing fresh is kept.

        `load` runs detached from the caller and for all who ask meanwhile, so it must hold nothing
        that belongs to one request. A `ServiceError` of it is found, not raised: see `unwrap`.

        Raises:
            RequestError: `load` blames the request, otherwise than by a 404; not kept.
            UpstreamUnavailableError: the cache closes while the caller waits.
            Exception: a bug in `load`, told to each caller; not kept.
        """
        found = self.look(key)
        if found is None:
            # No await since the look: an answer is either kept by now or its flight can be joined.
            kept, led = await self._flights.join(key, lambda: self._fetch(key, load))
            found = Found(kept, "miss" if led else "collapsed")
        self._answered[found.how] += 1
        return found

    def look(self, key: Hashable) -> Found[V] | None:
        """Return what is kept and fresh, or None; loads, waits and counts nothing."""
        kept = self._store.get(key)
        if kept is None or self._monotonic() >= kept.fresh_until:
            return None
        return Found(kept, "hit")

    def figures(self) -> CacheFigures:
        """Return what is held and what happened so far."""
        return CacheFigures(
            entries=len(self._store),
            bytes=self._store.size_bytes,
            hits=self._answered["hit"],
            misses=self._answered["miss"],
            collapsed=self._answered["collapsed"],
            evictions=self._store.evictions,
        )

    async def aclose(self) -> None:
        """Cancel the loads under way and wait for their end; what is kept stays readable."""
        await self._flights.aclose()

    async def _fetch(self, key: Hashable, load: Callable[[], Awaitable[Loaded[V]]]) -> Kept[V]:
        try:
            loaded = await load()
        except ServiceError as error:
            ttl_s = self._failure_ttl_s
            if error.status == _NOT_FOUND:
                ttl_s = self._not_found_ttl_s
            elif isinstance(error, RequestError):
                raise
            # A copy is kept: the original holds the frames, and with them the bodies, of its call.
            return self._keep(key, None, fresh_copy(error), FAILURE_BYTES, ttl_s)
        return self._keep(key, loaded.value, None, loaded.size_bytes, loaded.ttl_s)

    def _keep(
        self,
        key: Hashable,
        value: V | None,
        error: ServiceError | None,
        size_bytes: int,
        ttl_s: float,
    ) -> Kept[V]:
        now = self._monotonic()
        spread = 1 - _JITTER + 2 * _JITTER * self._rand()
        kept = Kept(value, error, stored_at=now, fresh_until=now + ttl_s * spread)
        # In the flight's own last step, so that no moment exists in which the answer is neither in
        # the air nor kept.
        if ttl_s > 0 and not _abandoned():
            self._store.put(key, kept, size_bytes=size_bytes)
        return kept


def _abandoned() -> bool:
    """Tell whether this flight was told to stop, whatever its load made of that.

    A load that ends nevertheless may be older than what a newer flight has stored by now.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
