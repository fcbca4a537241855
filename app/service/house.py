"""What every noun's service shares: the accounts, the cache, the clocks, the bounds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from app.cache.cache import Cache
from app.domain.cursor import CursorCodec
from app.domain.filters import Tenants
from app.domain.plan import Plan, make_plan
from app.domain.query import TaskQuery
from app.service.encode import Answer
from app.service.fanout import Fanout

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are fresh, in seconds; contract section 6."""

    unfinished_s: float
    finished_s: float
    item_finished_s: float


class Anchor(NamedTuple):
    """How long an answer is fresh, and the now of its ages, in Unix nanoseconds.

    That now stands on the step that ages are rounded to, so that equal walks share every page.
    """

    ttl_s: float
    now_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every noun's service shares."""

    accounts: tuple[str, ...]
    fanout: Fanout
    cache: Cache[Answer]
    cursors: CursorCodec
    lifetimes: Lifetimes
    scan_pages_max: int
    monotonic: Callable[[], float]
    tenants: Tenants

    def anchor(self, query: TaskQuery, now_ns: int) -> Anchor:
        """Return the anchor of an answer that is begun at `now_ns`."""
        ttl_s = self.lifetimes.unfinished_s
        if query.only_finished:
            ttl_s = self.lifetimes.finished_s
        return Anchor(ttl_s, query.anchor_ns or now_ns // int(ttl_s * _NS) * int(ttl_s * _NS))

    def plans(self, query: TaskQuery, anchor: Anchor) -> dict[str, Plan | None]:
        """Return how each account answers `query`, None for one of which nothing can match."""
        return {
            account: make_plan(
                query,
                account,
                now_ns=anchor.now_ns,
                step_s=anchor.ttl_s,
                tenants=self.tenants,
            )
            for account in query.accounts
        }
