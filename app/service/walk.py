"""One account's part of a walk: what is read, placed in order, and how far it is complete."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.domain.plan import Plan
from app.domain.query import Position
from app.domain.reading import Reading
from app.errors import UpstreamInvalidResponseError


@dataclass(slots=True)
class Slice:
    """What one account gave: rows in walk order, complete up to `frontier`; None means to the end.

    `scanned` counts what was looked at, `keyless` readable items without the sort field; `found`
    is all that a batch read, whether it has a place on this page or not. What the asker may not see
    is in none of them.
    """

    rows: list[tuple[Position, Reading[Any]]] = field(default_factory=list)
    frontier: Position | None = None
    scanned: int = 0
    keyless: int = 0
    found: Sequence[Reading[Any]] = ()


class Walk:
    """Places readings, those without a place of their own included, and takes what is wanted.

    `resumed_at` is the position at which the list begins, None when it has its own beginning.
    """

    def __init__(self, plan: Plan, account: str, *, resumed_at: Position | None) -> None:
        self._plan = plan
        self._account = account
        self._step = -1 if plan.descending else 1
        start = Position.start(descending=plan.descending)
        self._last = msgspec.structs.replace(start, account=account)
        # Unreadable items at the head of a resumed list follow a readable one that it leaves out.
        # In another account than the position's that one was passed, and they with it. In the
        # position's own it may be the position itself, gone meanwhile: the first readable tells.
        self._resumed_at = resumed_at
        self._head: list[Reading[Any]] | None = None
        if resumed_at and resumed_at.ends_tie:
            self._last = msgspec.structs.replace(resumed_at, account=account, after=0)
        elif resumed_at and resumed_at.account == account and resumed_at.key_ns != start.key_ns:
            self._head = []
        self._seen: set[int] = set()
        self._left_out: list[tuple[Position, Reading[Any]]] = []
        self.passed = 0
        self.slice = Slice(frontier=plan.position)

    def take(self, reading: Reading[Any]) -> bool:
        """Add `reading` if it belongs here; return False when the window's end was passed."""
        visible = self._sees(reading)
        self.slice.scanned += visible
        if reading.number is None:
            if visible:
                self._take_unreadable(reading)
            return True
        place = self._plan.place(reading, self._account)
        if place is None:
            self.slice.keyless += visible
            return not self._plan.never(reading)
        if self._head is not None:
            if self._plan.passed(place):
                self._head = None
            self.settle()
        self._last = place
        return self._add(place, reading, visible=visible)

    def settle(self) -> None:
        """Let the unreadable items at the head follow the position: nothing passed comes after."""
        if self._head and self._resumed_at:
            self._last = msgspec.structs.replace(self._resumed_at, after=0)
        head, self._head = self._head, None
        for reading in head or ():
            self._take_unreadable(reading)

    def leave_tie(self, end: Position) -> None:
        """Go on at `end`, behind everything that has the sort key of the position."""
        self.settle()
        self.slice.frontier = end
        self._last = msgspec.structs.replace(end, account=self._account)

    def is_full(self, limit: int) -> bool:
        """Say whether there is enough for a page of `limit`.

        What was passed, or lacks a time, took the place of as many others: another call for those
        few would double the cost of every page of a walk.
        """
        return bool(self.slice.rows) and len(self.slice.rows) + self.passed >= limit

    def so_far(self) -> Slice:
        """Return what there is, up to the last place.

        What came before an item told which number stands for a tenant's UUID is looked at again.
        """
        rows = self.slice.rows
        # What is found may tell more.
        while found := [
            row for row in self._left_out if self._is_wanted(row[1], visible=self._sees(row[1]))
        ]:
            rows += found
            rows.sort(key=lambda row: row[0], reverse=self._plan.descending)
        return self.slice

    def whole(self) -> Slice:
        """Return what there is, to the end."""
        self.settle()
        self.slice.frontier = None
        return self.so_far()

    def stopped(self) -> Slice:
        """Return what there is so far; the rest is for another answer, which needs its place.

        Raises:
            UpstreamInvalidResponseError: it would begin where this one did, and so for ever.
        """
        self.settle()
        place = self._plan.position
        start = Position.start(descending=self._plan.descending)
        if self.slice.frontier is None:
            self.slice.frontier = start
        elif self.slice.frontier == place and (
            place.after or place.ends_tie or place.key_ns == start.key_ns or self._plan.then
        ):
            raise UpstreamInvalidResponseError(
                "More items in a row could not be read than one answer may pass.",
                account=self._account,
            )
        return self.so_far()

    def _sees(self, reading: Reading[Any]) -> bool:
        return self._plan.sees is None or self._plan.sees(reading)

    def _take_unreadable(self, reading: Reading[Any]) -> None:
        if self._head is not None:
            self._head.append(reading)
            return
        self._last = msgspec.structs.replace(self._last, after=self._last.after + self._step)
        self._add(self._last, reading, visible=True)

    def _add(self, place: Position, reading: Reading[Any], *, visible: bool) -> bool:
        if self._plan.passed(place):
            self.passed += 1
            return True
        if self._plan.ended(place):
            return False
        self.slice.frontier = place
        if visible and self._plan.timed and self._plan.lacks(reading):
            self.passed += 1
            return True
        if self._is_wanted(reading, visible=visible):
            self.slice.rows.append((place, reading))
        elif self._plan.learns:
            self._left_out.append((place, reading))
        return True

    def _is_wanted(self, reading: Reading[Any], *, visible: bool) -> bool:
        """Say whether `reading` belongs to the answer; the first time, since twins don't."""
        if not visible or reading.number is None:
            return visible
        keep = self._plan.keep
        # Pages are no snapshot (P§8): a task that moved between two of them comes twice.
        if reading.number in self._seen or not (keep is None or keep(reading)):
            return False
        self._seen.add(reading.number)
        return True
