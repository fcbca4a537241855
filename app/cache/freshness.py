"""How fresh an answer must be: what one caller wishes, and what the clocks make of it."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from app.cache.answers import Clocks, Explained, Forward, Kept
from app.errors import NotCachedError, UpstreamUnavailableError

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Freshness:
    """What one caller asks of an answer's age, after RFC 9111 section 5.2.1; in seconds.

    None means that the cache's own clocks hold. `no_cache` asks for an answer of now, and
    `only_if_cached` for no call at all; `no_store` keeps no answer on this caller's behalf.
    `max_stale_s` and `stale_if_error_s` count from the end of freshness. `wait_s` bounds how long
    the caller waits, not the load. To who wants it `whole` an answer with a gap is a failure.
    """

    max_age_s: float | None = None
    no_cache: bool = False
    only_if_cached: bool = False
    max_stale_s: float | None = None
    stale_if_error_s: float | None = None
    no_store: bool = False
    wait_s: float | None = None
    whole: bool = False

    @property
    def insists(self) -> bool:
        """Whether nothing old will do as long as the origin answers."""
        return self.no_cache or self.max_age_s is not None

    def accepts_age(self, age_s: float) -> bool:
        """Say whether something fresh of this age is fresh enough."""
        return not self.no_cache and (self.max_age_s is None or age_s <= self.max_age_s)

    def finds_failed(self, kept: Kept[V]) -> bool:
        """Say whether `kept` is no answer to this caller, so that an older one may stand in."""
        return kept.outage is not None or (self.whole and kept.has_gap)


USUAL: Final = Freshness()


@dataclass(frozen=True, slots=True)
class Verdict(Generic[V]):
    """What the clocks say: `serve` at once (and `refresh` behind), or else ask, because `forward`.

    `old` may stand in when asking fails, and when it takes long too if `soft`; but not before what
    there is so far if an answer with a `gap` was the last: pages must not jump back to the past.
    """

    serve: Kept[V] | None = None
    refresh: bool = False
    forward: Forward = "miss"
    old: Kept[V] | None = None
    soft: bool = False
    gap: bool = False


def judge(kept: Kept[V] | None, wish: Freshness, clocks: Clocks, now: float) -> Verdict[V]:
    """Return what is to be done for a caller with this `wish`; `now` is monotonic."""
    if kept is None:
        return Verdict(forward="bypass" if wish.no_store else "miss")
    good = kept.good
    failed = wish.finds_failed(kept)
    current = good if failed else kept
    is_fresh = current is not None and now < current.fresh_until
    if current is not None and is_fresh and wish.accepts_age(current.age_s(now)):
        return Verdict(serve=current)
    old = good if may_stand_in(good, wish, clocks, now) else None
    if old is not None and now < kept.probe_at:
        return Verdict(serve=old)
    if failed and now < kept.fresh_until:
        # It has just failed, so asking now would be answered by the same.
        return Verdict(serve=kept if kept.outage is not None or old is None else old)
    gap = kept.has_gap and not failed
    at_once = good is not None and _may_go_out(good, wish, clocks, now)
    if at_once and (wish.only_if_cached or not gap):
        return Verdict(serve=good, refresh=True)
    forward: Forward = "request" if is_fresh else "stale"
    soft = good is not None and not good.revoked and not wish.insists
    return Verdict(forward="bypass" if wish.no_store else forward, old=old, soft=soft, gap=gap)


def may_stand_in(good: Kept[V] | None, wish: Freshness, clocks: Clocks, now: float) -> bool:
    """Say whether `good` is young enough to be served for an origin that fails."""
    limit_s = wish.stale_if_error_s
    limit_s = clocks.stale_if_error_s if limit_s is None else limit_s
    if good is None:
        return False
    # Who would be served this old by an origin that lives is served it by one that fails.
    return good.stale_s(now) < limit_s or _max_stale_allows(good, wish, now)


def begun_since(wish: Freshness, clocks: Clocks, now: float) -> float | None:
    """Return when at the earliest a load may have begun to be joined, None if whenever."""
    if wish.no_cache:
        return now - clocks.now_s
    return None if wish.max_age_s is None else now - wish.max_age_s


def patience_s(verdict: Verdict[V], wish: Freshness, clocks: Clocks, now: float) -> float | None:
    """Return how long to wait for the origin; None is as long as it takes."""
    old, soft_s = verdict.old, clocks.soft_wait_s
    # Patience is cut short only for what may still stand in by then.
    if not verdict.soft or not may_stand_in(old, wish, clocks, now + soft_s):
        return wish.wait_s
    return soft_s if wish.wait_s is None else min(wish.wait_s, soft_s)


def graces(kept: Kept[V] | None, clocks: Clocks, now: float) -> tuple[float | None, float | None]:
    """Return for how long the last whole answer may be served while it is loaded, and on failure.

    In seconds from now, never negative; None when there is none.
    """
    good = None if kept is None else kept.good
    if good is None:
        return None, None
    stale_s = good.stale_s(now)
    at_once_s = 0.0 if good.revoked else max(0.0, clocks.stale_while_revalidate_s - stale_s)
    return at_once_s, max(0.0, clocks.stale_if_error_s - stale_s)


def explain(
    kept: Kept[V] | None, wish: Freshness, clocks: Clocks, now: float, *, in_the_air: bool
) -> Explained:
    """Return what is known of a question, and how a caller with this `wish` would be answered."""
    verdict = judge(kept, wish, clocks, now)
    serve = verdict.serve
    shown = serve or (kept.good if kept is not None else None)
    failed = kept is not None and kept.outage is not None
    revalidate_s, error_s = graces(kept, clocks, now)
    return Explained(
        how="miss" if serve is None else "hit" if now < serve.fresh_until else "stale",
        age_s=None if shown is None else shown.age_s(now),
        ttl_s=None if shown is None else -shown.stale_s(now),
        stale_while_revalidate_s=revalidate_s,
        stale_if_error_s=error_s,
        size_bytes=0 if kept is None else kept.size_bytes,
        problem=_problem(kept, serve, wish),
        probe_in_s=max(0.0, kept.probe_at - now) if kept is not None and failed else None,
        in_the_air=in_the_air,
        asks=(serve is None or verdict.refresh) and not wish.only_if_cached,
    )


def _problem(kept: Kept[V] | None, serve: Kept[V] | None, wish: Freshness) -> str | None:
    """Return the slug of the failure that a caller with this `wish` gets, or of the last one."""
    if serve is None and wish.only_if_cached:
        return NotCachedError.slug
    if serve is not None and wish.whole and serve.has_gap:
        return UpstreamUnavailableError.slug
    return None if kept is None or kept.error is None else kept.error.slug


def _may_go_out(good: Kept[V], wish: Freshness, clocks: Clocks, now: float) -> bool:
    """Say whether `good`, past its freshness, may be served without asking first."""
    if wish.no_cache or good.revoked:
        return False
    if wish.max_stale_s is not None:
        return _max_stale_allows(good, wish, now)
    return wish.max_age_s is None and good.stale_s(now) < clocks.stale_while_revalidate_s


def _max_stale_allows(good: Kept[V], wish: Freshness, now: float) -> bool:
    if wish.max_stale_s is None or wish.no_cache or good.revoked:
        return False
    young = wish.max_age_s is None or good.age_s(now) <= wish.max_age_s
    return young and good.stale_s(now) <= wish.max_stale_s
