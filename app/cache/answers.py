"""What goes in and out of the cache: loaded, kept, found, and what it says of itself."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar, cast

from app.cache.failure import fresh_copy
from app.errors import ServiceError

How = Literal["hit", "stale", "miss", "collapsed"]
"""Fresh and kept; kept but old; loaded for this caller; loaded for another who asked as well."""

Forward = Literal["miss", "stale", "bypass", "request"]
"""Why it was not answered from what was kept, RFC 9211 section 2.2."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[V]):
    """What a loader returns.

    `value` goes to strangers, so it is immutable; `size_bytes` is all that it holds in memory;
    `ttl_s` of 0 shares it with those who wait now and keeps nothing. `whole` is False for an answer
    with a gap in it: it is never served past its TTL, nor does it end an older whole one.
    """

    value: V
    size_bytes: int
    ttl_s: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A value or a failure with its clocks, in monotonic seconds; the two never stand together.

    `behind` is the last whole answer, which an outage or an answer with gaps stands before; the
    origin is not asked again before `probe_at` for those whom that answer satisfies. `revoked` is
    an answer that was purged: good for nothing but an outage. `size_bytes` counts all of it.
    """

    value: V | None
    error: ServiceError | None
    stored_at: float
    fresh_until: float
    size_bytes: int
    whole: bool = False
    behind: "Kept[V] | None" = None
    probe_at: float = 0.0
    revoked: bool = False

    @property
    def outage(self) -> ServiceError | None:
        """The failure of the origin that this is, if it is one: an answer by name is none."""
        if self.error is None or self.error.nature not in {"outage", "crowd"}:
            return None
        return self.error

    @property
    def has_gap(self) -> bool:
        """Whether it is an answer, but no whole one."""
        return self.error is None and not self.whole

    @property
    def good(self) -> "Kept[V] | None":
        """The last whole answer in here, however old."""
        return self if self.whole else self.behind

    def age_s(self, now: float) -> float:
        """Return the seconds since the load began, or since a failure came (RFC 9111 4.2.3)."""
        return max(0.0, now - self.stored_at)

    def stale_s(self, now: float) -> float:
        """Return the seconds since this was fresh, negative while it is."""
        return now - self.fresh_until

    def grown(self, value: V, size_bytes: int) -> "Kept[V] | None":
        """Return the same with `size_bytes` more for `value`, or None if that is not in here."""
        behind = self.behind
        if self.value is not value:
            behind = None if behind is None else behind.grown(value, size_bytes)
            if behind is None:
                return None
        return replace(self, behind=behind, size_bytes=self.size_bytes + size_bytes)

    def revoke(self, now: float) -> "Kept[V]":
        """Return the same answer with its freshness ended at `now`."""
        return replace(self, fresh_until=min(now, self.fresh_until), revoked=True, probe_at=0.0)

    def purged(self, since: float, *, hard: bool) -> "Kept[V] | None":
        """Return what a purge that began at `since` leaves of this, or None.

        What was loaded later stays; what stands behind that is purged like anything else.
        """
        if self.stored_at <= since:
            good = None if hard else self.good
            return None if good is None else good.revoke(since)
        old = self.behind
        if old is None or old.stored_at > since:
            return self
        left = None if hard else old.revoke(since)
        size_bytes = self.size_bytes - (old.size_bytes if left is None else 0)
        return replace(self, behind=left, size_bytes=size_bytes)


@dataclass(frozen=True, slots=True)
class Found(Generic[V]):
    """What the cache has for a question, and how it came by it.

    `forward` is None when the origin was not waited for. Something old stands in for its answer
    when `error` is what it failed with, or when it was `late`; or else what a late one has so far.
    `after` is what had to be found before, since the question came of it.
    """

    kept: Kept[V]
    how: How
    forward: Forward | None = None
    stored: bool = False
    late: bool = False
    error: ServiceError | None = None
    key: Hashable = None
    after: "Found[V] | None" = None

    @property
    def grounds(self) -> "tuple[Found[V], ...]":
        """This, and all that was found before: what is the answer only while they all are."""
        return (self,) if self.after is None else (self, *self.after.grounds)

    def unwrap(self) -> V:
        """Return the value.

        Raises:
            ServiceError: a failure is what was found; each call raises a copy of its own.
        """
        if self.kept.error is not None:
            raise fresh_copy(self.kept.error)
        return cast("V", self.kept.value)

    def age_s(self, now: float) -> float:
        """Return the seconds since the load began; `now` is monotonic."""
        return self.kept.age_s(now)

    def ttl_s(self, now: float) -> float:
        """Return the seconds for which this is still fresh, negative when it is stale."""
        return self.kept.fresh_until - now

    def ttl_left_s(self, now: float) -> float:
        """Return the seconds for which this is still fresh, never less than 0."""
        return max(0.0, self.kept.fresh_until - now)


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known of a question without asking: how it would be answered, and the clocks.

    `how` is `miss` when nothing kept will do; seconds are None without an answer, `ttl_s` is
    negative when it is stale; the next two are what is left of the other clocks of the last whole
    answer; `problem` is the slug of the last failure, or of what the caller's own wish makes one,
    `probe_in_s` when the origin may be asked again; `in_the_air` says that it is being asked now,
    and `asks` that this caller would have it asked, to wait for it or behind.
    """

    how: How
    age_s: float | None
    ttl_s: float | None
    stale_while_revalidate_s: float | None
    stale_if_error_s: float | None
    size_bytes: int
    problem: str | None
    probe_in_s: float | None
    in_the_air: bool
    asks: bool


@dataclass(slots=True)
class CacheFigures:
    """What is held now; since the start, callers answered by `How`, and what was done for them.

    `refreshes` are loads begun behind a caller who did not wait, `stale_if_error` the callers among
    the stale ones whom a failing origin sent back to something old, `evictions` entries pushed out.
    """

    entries: int = 0
    bytes: int = 0
    hits: int = 0
    stale: int = 0
    misses: int = 0
    collapsed: int = 0
    refreshes: int = 0
    stale_if_error: int = 0
    evictions: int = 0


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long things last, in seconds.

    Outages are fresh for `failure_ttl_s`, answers that are errors, such as "not found", for
    `not_found_ttl_s`. After its freshness an
    answer is served at once for `stale_while_revalidate_s` while it is loaded behind, and for
    `stale_if_error_s` when the origin fails, which is then asked again every `probe_s`, or when it
    takes longer than `soft_wait_s`. "Now" is `now_s` wide for those who want an answer of now.
    """

    failure_ttl_s: float
    not_found_ttl_s: float
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0
    probe_s: float = 30.0
    soft_wait_s: float = 0.3
    now_s: float = 1.0
