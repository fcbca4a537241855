"""What every noun's service shares: the accounts, the cache, the clocks, the bounds."""

from collections.abc import Callable
from dataclasses import dataclass

from app.cache.cache import Cache
from app.domain.cursor import CursorCodec
from app.domain.filters import Tenants
from app.domain.query import TaskQuery
from app.service.encode import Answer
from app.service.fanout import Fanout

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are fresh, in seconds; contract section 6."""

    unfinished_s: float
    finished_s: float
    item_finished_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every noun's service shares."""

    accounts: tuple[str, ...]
    fanout: Fanout
    cache: Cache[Answer]
    cursors: CursorCodec
    lifetimes: Lifetimes
    scan_pages_max: int
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    tenants: Tenants

    def moment(self, query: TaskQuery, now_ns: int) -> tuple[float, int]:
        """Return how long the answer is fresh, in seconds, and the now of its ages.

        That stands on the step that ages are rounded to, so that equal walks share every page.
        """
        ttl_s = self.lifetimes.unfinished_s
        if query.only_finished:
            ttl_s = self.lifetimes.finished_s
        return ttl_s, query.anchor_ns or now_ns // int(ttl_s * NS) * int(ttl_s * NS)
