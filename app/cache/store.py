"""The in-process store, bounded in bytes: the least recently used goes first."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from cachetools import LRUCache

ENTRY_BYTES: Final = 1_024
"""Counted for each entry on top of its value. Measured with tracemalloc on CPython 3.11 and
cachetools 8.0: 325 to 422 B for the slot, the clocks and three hash tables that grow in steps;
the rest is room for the key, a frozen query."""

_FAIR_SHARE: Final = 8
"""No entry may take more than this part of the bound, lest one answer push out a whole hot set."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Slot(Generic[V]):
    value: V
    size_bytes: int


def _size_bytes(slot: _Slot[V]) -> int:
    return slot.size_bytes


class Store(Generic[V]):
    """Values by key, together never more than `max_bytes` as `ENTRY_BYTES` counts them."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._slots: LRUCache[Hashable, _Slot[V]] = LRUCache(max_bytes, getsizeof=_size_bytes)
        self.evictions = 0

    def get(self, key: Hashable) -> V | None:
        """Return the value under `key`, now the most recently used, or None."""
        try:
            return self._slots[key].value
        except KeyError:
            return None

    def put(self, key: Hashable, value: V, *, size_bytes: int) -> bool:
        """Replace what is under `key` and return True, or False if the value is too large to keep.

        A value too large still ends what it replaces: the old one is not the truth any more.
        """
        slot = _Slot(value, ENTRY_BYTES + size_bytes)
        # Taken out first, so that a value that grows is never counted as an eviction of itself.
        self._slots.pop(key, None)
        if slot.size_bytes > self._max_bytes // _FAIR_SHARE:
            return False
        while self.size_bytes + slot.size_bytes > self._max_bytes:
            self._slots.popitem()
            self.evictions += 1
        self._slots[key] = slot
        return True

    @property
    def size_bytes(self) -> int:
        """What is held now, overhead included."""
        return int(self._slots.currsize)

    def __len__(self) -> int:
        return len(self._slots)
