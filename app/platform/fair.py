"""A line for each consumer, served in turn by weight."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """Whose call it is, and how many turns it gets for one turn of a weight of 1."""

    consumer: str = "anonymous"
    weight: float = 1.0


@dataclass(slots=True)
class _Line(Generic[T]):
    weight: float
    next_at: float = 0.0
    items: deque[T] = field(default_factory=deque)

    @property
    def length(self) -> float:
        return len(self.items) / self.weight


class FairQueue(Generic[T]):
    """Weighted round robin over those who wait (start-time fair queueing).

    Each line has the virtual time of its next turn and moves on by the inverse of its weight; the
    earliest is served. A line that was empty joins at the present, so nobody saves turns up, and
    one who waits alone behind a thousand of another waits for one of them.
    Lines are kept: consumers are a closed set.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._now = 0.0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, share: Share, item: T) -> None:
        """Add `item` to the end of its consumer's line."""
        line = self._line(share)
        if not line.items:
            line.next_at = max(line.next_at, self._now)
        line.items.append(item)
        self._size += 1

    def pop(self) -> T:
        """Take out the item whose turn it is.

        Raises:
            ValueError: the queue is empty.
        """
        line = min((line for line in self._waiting()), key=lambda line: line.next_at)
        self._now = line.next_at
        line.next_at += 1 / line.weight
        self._size -= 1
        return line.items.popleft()

    def discard(self, share: Share, item: T) -> None:
        """Take out `item` if it still waits."""
        line = self._line(share)
        if item in line.items:
            line.items.remove(item)
            self._size -= 1

    def make_room(self, share: Share) -> T | None:
        """Take out the newest item of the longest line, for one of a shorter line.

        None when the line of `share` is the longest: then it is the newcomer who can't stay.
        """
        longest = max(self._waiting(), key=lambda line: line.length)
        if self._line(share).length >= longest.length:
            return None
        self._size -= 1
        return longest.items.pop()

    def _line(self, share: Share) -> _Line[T]:
        line = self._lines.setdefault(share.consumer, _Line(share.weight))
        line.weight = share.weight
        return line

    def _waiting(self) -> list[_Line[T]]:
        return [line for line in self._lines.values() if line.items]
