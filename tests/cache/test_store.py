"""Bounded in bytes, whatever comes."""

import sys
import tracemalloc
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.cache.answers import Kept
from app.cache.store import ENTRY_BYTES, Store, weigh
from app.domain.query import TaskQuery

MAX_BYTES = 100_000
FAIR_BYTES = MAX_BYTES // 8 - ENTRY_BYTES - weigh("1234")


def test_largest_fair_value() -> None:
    """A value is kept up to an eighth of the bound, its overhead counted, and not beyond."""
    store: Store[str] = Store(max_bytes=MAX_BYTES)

    assert store.put("fair", "value", size_bytes=FAIR_BYTES)
    assert not store.put("vain", "value", size_bytes=FAIR_BYTES + 1)
    assert (store.get("fair"), store.get("vain")) == ("value", None)


def test_too_large_replaces() -> None:
    """A value too large to keep still ends the one it replaces."""
    store: Store[str] = Store(max_bytes=MAX_BYTES)
    store.put("key", "old", size_bytes=1)
    store.put("key", "new", size_bytes=MAX_BYTES)

    assert store.get("key") is None
    assert (len(store), store.size_bytes, store.evictions) == (0, 0, 0)


def test_least_recently_used_goes() -> None:
    """When room is needed, what was used longest ago goes first and is counted."""
    store: Store[int] = Store(max_bytes=MAX_BYTES)
    for number in range(8):
        store.put(f"key{number}", number, size_bytes=FAIR_BYTES)
    store.get("key0")
    store.put("key8", 8, size_bytes=FAIR_BYTES)

    assert [store.get(f"key{number}") for number in (0, 1, 2, 8)] == [0, None, 2, 8]
    assert (len(store), store.evictions) == (8, 1)


def test_growing_value() -> None:
    """A value that grows in a full store is not pushed out by itself."""
    store: Store[str] = Store(max_bytes=16 * (ENTRY_BYTES + weigh("key00") + 1))
    for number in range(16):
        store.put(f"key{number:02}", "small", size_bytes=1)
    store.put("key00", "a little larger", size_bytes=2)

    assert store.get("key00") == "a little larger"
    assert store.evictions == 1


def _hits(store: Store[int], *, flood: int) -> float:
    """Return the share of hits for 40 hot keys, with `flood` questions of others between two."""
    hits, strangers = 0, count()
    for number in range(4_000):
        hot = f"hot{number * 7 % 40}"
        hits += store.get(hot) is not None
        store.put(hot, number, size_bytes=500)
        for _ in range(flood):
            store.put(f"once{next(strangers)}", number, size_bytes=500)
    return hits / 4_000


def test_flood() -> None:
    """Ten one-time questions for each real one take less than five points of the hit ratio."""
    store: Store[int] = Store(max_bytes=MAX_BYTES)
    quiet = _hits(store, flood=0)
    flooded = _hits(store, flood=10)

    assert quiet - flooded < 0.05


def test_proven_goes_back() -> None:
    """What is proven and then forgotten by its callers goes back on trial, then out."""
    store: Store[int] = Store(max_bytes=MAX_BYTES)
    for number in range(30):
        store.put(f"key{number:02}", number, size_bytes=FAIR_BYTES // 2)
        store.get(f"key{number:02}")

    assert store.size_bytes <= MAX_BYTES
    assert (store.peek("key29"), store.peek("key00"), store.evictions) == (29, None, 15)


def test_long_key() -> None:
    """A key of many ids counts with every id."""
    ids = tuple(f"eu2.{number}" for number in range(200))

    assert weigh(("list", ids)) > sum(map(sys.getsizeof, ids))
    assert weigh(TaskQuery(ids=ids)) > weigh(ids)


def test_counted_is_held() -> None:
    """An entry's bookkeeping takes no more memory than is counted for it."""
    store: Store[Kept[str]] = Store(max_bytes=1_000_000_000)
    tracemalloc.start()
    for number in range(2_000):
        kept = Kept("shared", None, number + 0.5, number + 10.5, 0, probe_at=number + 0.25)
        store.put(("tasks", number), kept, size_bytes=0)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held_bytes < store.size_bytes


class AnySequence(RuleBasedStateMachine):
    """A store beside a plain dict of all that was ever put."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store[int] = Store(max_bytes=MAX_BYTES)
        self.put_last: dict[int, int] = {}
        self.sizes: dict[int, int] = {}

    @rule(key=st.integers(0, 30), value=st.integers(), size_bytes=st.integers(0, FAIR_BYTES + 99))
    def put(self, key: int, value: int, size_bytes: int) -> None:
        """Put a value of any size, some of them too large."""
        if self.store.put(key, value, size_bytes=size_bytes):
            self.put_last[key] = value
            self.sizes[key] = size_bytes + ENTRY_BYTES + weigh(key)
        else:
            self.put_last.pop(key, None)

    @rule(key=st.integers(0, 30))
    def get(self, key: int) -> None:
        """A store forgets, but never tells anything but what was put last."""
        assert self.store.get(key) in {None, self.put_last.get(key)}

    @invariant()
    def holds(self) -> None:
        """The bound holds, and what is counted is what is there."""
        there = [key for key in range(31) if self.store.get(key) is not None]

        assert self.store.size_bytes <= MAX_BYTES
        assert len(self.store) == len(there)
        assert self.store.size_bytes == sum(self.sizes[key] for key in there)


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(stateful_step_count=25)
