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
    below: dict[int, list[int]] = defaultdict(list)
    roots: list[int] = []
    for index, activity in enumerate(activities):
        parent = first.get(activity.parent_id or "", index)
        (below[parent] if parent != index else roots).append(index)
    return _assembled(activities, _walk(len(activities), roots, below))


def _walk(
    count: int, roots: list[int], below: dict[int, list[int]]
) -> list[tuple[int, int | None]]:
    """Return every index once, parents first, with the one it stands below."""
    walked: list[tuple[int, int | None]] = []
    seen: set[int] = set()
    # What the roots don't reach are cycles: the first of each begins it.
    for start in (*roots, *range(count)):
        stack: list[tuple[int, int | None, int]] = [(start, None, 1)]
        while stack:
            index, parent, depth = stack.pop()
            if index in seen:
                continue
            seen.add(index)
            walked.append((index, parent))
            holder = index if depth < DEPTH_MAX else parent
            stack += [(child, holder, depth + 1) for child in reversed(below[index])]
    return walked


def _assembled(
    activities: Sequence[Activity], walked: list[tuple[int, int | None]]
) -> tuple[Activity, ...]:
    held: dict[int | None, list[Activity]] = defaultdict(list)
    for index, parent in reversed(walked):
        children = tuple(reversed(held.pop(index, ())))
        held[parent].append(msgspec.structs.replace(activities[index], children=children))
    return tuple(reversed(held[None]))
