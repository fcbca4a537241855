"""Slices of several accounts → one page of the walk; the same slices always merge the same way."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.domain.query import Position
from app.domain.reading import Reading
from app.service.walk import Slice


@dataclass(frozen=True, slots=True)
class Merged:
    """One page: its readings, and the place where the walk goes on, None at its end."""

    readings: tuple[Reading[Any], ...]
    next: Position | None


def merge(slices: Iterable[Slice], *, descending: bool, limit: int) -> Merged:
    """Return the first `limit` readings of `slices` in walk order.

    An account that was not read to its end may have more right behind its frontier, so nothing
    beyond the nearest frontier is shown yet.
    """
    slices = tuple(slices)
    frontiers = [found.frontier for found in slices if found.frontier is not None]
    rows = [row for found in slices for row in found.rows]
    rows.sort(key=lambda row: row[0], reverse=descending)
    nearest: Position | None = None
    if frontiers:
        nearest = max(frontiers) if descending else min(frontiers)
        rows = [row for row in rows if row[0] == nearest or (row[0] > nearest) is descending]
    shown = rows[:limit]
    goes_on = shown[-1][0] if len(rows) > limit else nearest
    return Merged(tuple(reading for _, reading in shown), goes_on)
