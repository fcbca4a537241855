"""A line for each consumer, served in turn by weight."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Party(Protocol):
    """Those whom one call serves, where they are several."""

    def watch(self, joined: Callable[[str, float], None]) -> Callable[[], None]:
        """Tell `joined` of others and their weights, until what is returned is called."""


@dataclass(frozen=True, slots=True)
class Share:
    """Whose call it is, and how many turns it gets for one turn of a weight of 1.

    Others of its `party` may come to wait for it too.
    """

    consumer: str = "anonymous"
    weight: float = 1.0
    party: Party | None = None


@dataclass(slots=True, eq=False)
class _Line(Generic[T]):
    weight: float
    next_at: float = 0.0
    places: "deque[Place[T]]" = field(default_factory=deque)

    @property
    def length(self) -> float:
        return len(self.places) / self.weight


@dataclass(slots=True, eq=False)
class Place(Generic[T]):
    """Where an item waits: in the lines of all whom it serves, in none once it left.

    It is `early` when its consumer had less than his part of the turns, and nothing else waits for
    him.
    """

    item: T
    early: bool = False
    lines: list[_Line[T]] = field(default_factory=list)


class FairQueue(Generic[T]):
    """Weighted round robin over those who wait (start-time fair queueing).

    Each line has the virtual time of its next turn and moves on by the inverse of its weight; the
    earliest is served. A line that was empty joins at the present, so nobody saves turns up, and
    one who waits alone behind a thousand of another waits for one of them. What serves several
    waits in the lines of all, and goes by the first whose turn comes.
    Lines are kept: consumers are a closed set.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._now = 0.0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, share: Share, item: T) -> Place[T]:
        """Add `item` to the end of its consumer's line, and return its place."""
        place = Place(item, early=self.is_early(share))
        self._size += 1
        self._stand(place, self._line(share))
        return place

    def join(self, place: Place[T], share: Share) -> None:
        """Let what waits at `place` wait in another consumer's line too."""
        if place.lines:
            self._stand(place, self._line(share))

    def is_early(self, share: Share) -> bool:
        """Say whether its consumer may go before those who wait, for having had few turns."""
        line = self._line(share)
        return not line.places and line.next_at <= self._now

    def went(self, share: Share) -> None:
        """Count a turn that was taken before those who wait."""
        line = self._line(share)
        line.next_at = max(line.next_at, self._now) + 1 / line.weight

    def first(self) -> Place[T]:
        """Return where the item waits whose turn it is.

        Raises:
            ValueError: the queue is empty.
        """
        return self._first_line().places[0]

    def pop(self) -> T:
        """Take out the item whose turn it is.

        Raises:
            ValueError: the queue is empty.
        """
        line = self._first_line()
        self._now = line.next_at
        line.next_at += 1 / line.weight
        place = line.places[0]
        self.discard(place)
        return place.item

    def discard(self, place: Place[T]) -> None:
        """Take out what waits at `place`, if it still does."""
        self._size -= bool(place.lines)
        for line in place.lines:
            line.places.remove(place)
        place.lines.clear()

    def make_room(self, share: Share) -> T | None:
        """Take out the newest item of the longest line, for one of a shorter line.

        One that others wait for as well goes last. None when the line of `share` is the longest:
        then it is the newcomer who can't stay.
        """
        longest = max(self._waiting(), key=lambda line: line.length)
        if self._line(share).length >= longest.length:
            return None
        newest = reversed(longest.places)
        place = next((each for each in newest if len(each.lines) == 1), longest.places[-1])
        self.discard(place)
        return place.item

    def _stand(self, place: Place[T], line: _Line[T]) -> None:
        if not line.places:
            line.next_at = max(line.next_at, self._now)
        line.places.append(place)
        place.lines.append(line)

    def _line(self, share: Share) -> _Line[T]:
        line = self._lines.setdefault(share.consumer, _Line(share.weight))
        line.weight = share.weight
        return line

    def _first_line(self) -> _Line[T]:
        return min(self._waiting(), key=lambda line: line.next_at)

    def _waiting(self) -> list[_Line[T]]:
        return [line for line in self._lines.values() if line.places]
