"""The in-process store, bounded in bytes: what was asked once goes first, then the least used."""

import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cachetools import LRUCache

ENTRY_BYTES: Final = 640
"""Counted for each entry on top of its value and key. Measured with tracemalloc on CPython 3.11 and
cachetools 8.0: 390 to 580 B for the slot, the clocks and three hash tables that grow in steps."""

_FAIR_SHARE: Final = 8
"""No entry may take more than this part of the bound, lest one answer push out a whole hot set."""

_PROVEN_SHARE: Final = 0.8
"""The part of the bound for what was asked again; in the rest the new must prove itself."""

V = TypeVar("V")


@dataclass(slots=True)
class _Slot(Generic[V]):
    value: V
    size_bytes: int


def _size_bytes(slot: _Slot[V]) -> int:
    return slot.size_bytes


def weigh(key: object) -> int:
    """Return the bytes that a key holds: a tuple, a frozen struct, or anything plain."""
    if isinstance(key, tuple):
        return sum(map(weigh, key), sys.getsizeof(key))
    names: tuple[str, ...] | None = getattr(type(key), "__struct_fields__", None)
    if names is None:
        return sys.getsizeof(key)
    return sum([weigh(getattr(key, name)) for name in names], sys.getsizeof(key))


class Store(Generic[V]):
    """Values by key, together never more than `max_bytes`, keys and `ENTRY_BYTES` counted.

    A segmented LRU (Karedla, 1994): what comes is on trial, and proven when it is asked for again.
    Room is made on trial first, so a flood of questions that nobody repeats pushes out only itself.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self.ended: Callable[[Hashable], None] = lambda _: None
        """Told of each key whose value is replaced, pushed out or forgotten, at that moment."""
        self._max_bytes = max_bytes
        self._fair_bytes = max_bytes // _FAIR_SHARE
        self._proven_max_bytes = int(max_bytes * _PROVEN_SHARE)
        self._trial: LRUCache[Hashable, _Slot[V]] = LRUCache(max_bytes, getsizeof=_size_bytes)
        self._proven: LRUCache[Hashable, _Slot[V]] = LRUCache(max_bytes, getsizeof=_size_bytes)
        self.evictions = 0

    def get(self, key: Hashable) -> V | None:
        """Return the value under `key`, which proves it, or None."""
        try:
            return self._proven[key].value
        except KeyError:
            slot = self._trial.pop(key, None)
        if slot is None:
            return None
        self._prove(key, slot)
        return slot.value

    def peek(self, key: Hashable) -> V | None:
        """Return the value under `key`, or None; changes nobody's rank."""
        try:
            return self._slot(key).value
        except KeyError:
            return None

    def swap(self, key: Hashable, value: V) -> None:
        """Put `value` where another of the same size is; changes nobody's rank.

        Raises:
            KeyError: nothing is there.
        """
        self._slot(key).value = value
        self.ended(key)

    def fits(self, key: Hashable, *, size_bytes: int) -> bool:
        """Say whether a value of this size under `key` is small enough to keep."""
        return ENTRY_BYTES + weigh(key) + size_bytes <= self._fair_bytes

    def put(self, key: Hashable, value: V, *, size_bytes: int) -> bool:
        """Replace what is under `key` and return True, or False if the value is too large to keep.

        A value too large still ends what it replaces: the old one is not the truth any more.
        """
        slot = _Slot(value, ENTRY_BYTES + weigh(key) + size_bytes)
        proven = key in self._proven
        # Taken out first, so that a value that grows is never counted as an eviction of itself.
        self.pop(key)
        if slot.size_bytes > self._fair_bytes:
            return False
        while self.size_bytes + slot.size_bytes > self._max_bytes:
            evicted, _ = (self._trial or self._proven).popitem()
            self.evictions += 1
            self.ended(evicted)
        if proven:
            self._prove(key, slot)
        else:
            self._trial[key] = slot
        return True

    def pop(self, key: Hashable) -> None:
        """Forget what is under `key`, if anything is."""
        self._proven.pop(key, None)
        self._trial.pop(key, None)
        self.ended(key)

    def keys(self) -> list[Hashable]:
        """Return the keys of now."""
        return [*self._proven, *self._trial]

    @property
    def size_bytes(self) -> int:
        """What is held now, overhead included."""
        return int(self._trial.currsize + self._proven.currsize)

    def __len__(self) -> int:
        return len(self._trial) + len(self._proven)

    def _slot(self, key: Hashable) -> _Slot[V]:
        segment = self._proven if key in self._proven else self._trial
        # Past `LRUCache.__getitem__`, which counts as a use.
        return super(LRUCache, segment).__getitem__(key)

    def _prove(self, key: Hashable, slot: _Slot[V]) -> None:
        # Who was asked longest ago goes back on trial: the whole stays as large as it was.
        while self._proven and self._proven.currsize + slot.size_bytes > self._proven_max_bytes:
            back, old = self._proven.popitem()
            self._trial[back] = old
        self._proven[key] = slot
