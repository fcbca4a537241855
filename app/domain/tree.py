"""Activities of one task as a tree: nothing is lost, whatever the parents say."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from app.domain.activity import Activity

DEPTH_MAX = 100  # readers of JSON commonly stop at a few hundred levels; real trees have about six


def grow(activities: Sequence[Activity]) -> tuple[Activity, ...]:
    """Return the roots, each with its `children`, siblings in the order they came.

    One whose parent is not among them is a root. Of a cycle, the first that came is a root. What
    lies deeper than `DEPTH_MAX` levels stands on the last of them.
    """
    first = {activity.id: index for index, activity in reversed([*enumerate(activities)])}
    # A root stands above itself.
    above = [first.get(each.parent_id or "", index) for index, each in enumerate(activities)]
    return _assembled(activities, _walk(above))


def _walk(above: Sequence[int]) -> list[tuple[int, int | None]]:
    """Return every index once, parents first, with the one it stands below."""
    below: dict[int, list[int]] = defaultdict(list)
    for index, parent in enumerate(above):
        below[parent].append(index)
    walked: list[tuple[int, int | None]] = []
    seen: set[int] = set()
    roots = [index for index, parent in enumerate(above) if index == parent]
    # What the roots don't reach are cycles and what hangs on them.
    for start in (*roots, *range(len(above))):
        stack: list[tuple[int, int | None, int]] = []
        if start not in seen:
            stack.append((_first_of_cycle(start, above), None, 1))
        while stack:
            index, shown_below, depth = stack.pop()
            if index in seen:
                continue
            seen.add(index)
            walked.append((index, shown_below))
            holder = index if depth < DEPTH_MAX else shown_below
            stack += [(child, holder, depth + 1) for child in reversed(below[index])]
    return walked


def _first_of_cycle(index: int, above: Sequence[int]) -> int:
    """Return where the way up from `index` ends: at a root, or at the first of a cycle."""
    climbed: dict[int, None] = {}
    while index not in climbed:
        climbed[index] = None
        index = above[index]
    way = [*climbed]
    return min(way[way.index(index) :])


def _assembled(
    activities: Sequence[Activity], walked: list[tuple[int, int | None]]
) -> tuple[Activity, ...]:
    held: dict[int | None, list[Activity]] = defaultdict(list)
    for index, parent in reversed(walked):
        children = tuple(reversed(held.pop(index, ())))
        held[parent].append(msgspec.structs.replace(activities[index], children=children))
    return tuple(reversed(held[None]))
