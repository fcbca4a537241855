"""Times of a query → the one bound that a field may carry (P§5.3), and what is cut here."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from app.domain.filters import Keep
from app.domain.moments import resolve
from app.domain.query import Position, TaskQuery
from app.domain.reading import InstantField, Item, Reading
from app.domain.times import rfc3339

Params: TypeAlias = tuple[tuple[str, str], ...]

_ALWAYS_THERE = {"created_at", "updated_at"}  # required in lists (P§10.1)
_EPOCH = "gt(1970-01-01T00:00:00Z)"


def order_by(name: str, *, descending: bool) -> Params:
    """Return the order by a field; ties go by id, in the same direction: a total order (P§6)."""
    direction = "desc" if descending else "asc"
    return ("order", f"{direction}({name})"), ("order", f"{direction}(id)")


def windows(
    query: TaskQuery, now_ns: int, step_s: float
) -> dict[InstantField, tuple[int | None, int | None]] | None:
    """Return the bounds of each window in nanoseconds, None when one of them is empty by now."""
    bounds = {}
    for field, window in query.windows:
        after = resolve(window.after, now_ns, step_s)
        before = resolve(window.before, now_ns, step_s)
        if after is not None and before is not None and after >= before:
            return None
        bounds[field] = (after, before)
    return bounds


def sort_bounds(
    query: TaskQuery, name: str, after_ns: int | None, before_ns: int | None
) -> tuple[Params, tuple[Position, Params] | None]:
    """Return the one bound that the sort field may carry (P§5.3), and that of a second list.

    The walk's place is sent as an inclusive bound and cut here, for ties. In a tie it is an id
    (P§5.1), and the rest of the walk another list. A batch is small and read whole on every page,
    so that its missing ids are always known.
    """
    place = None if query.ids else query.position
    near_ns, far_ns = (before_ns, after_ns) if query.descending else (after_ns, before_ns)
    near, up_to, past = ("lt", "le", "lt") if query.descending else ("ge", "ge", "gt")
    far = "ge" if query.descending else "lt"
    # The places of what can't be read at the head of a list lie before its window.
    outside = (
        place is not None
        and near_ns is not None
        and place.key_ns != near_ns
        and ((place.key_ns > near_ns) is query.descending)
    )
    if place is not None and not outside:
        beyond = _bound_by(name, (past, place.key_ns))
        if place.ends_tie:
            return beyond, None
        if query.in_tie:
            tie = ((name, rfc3339(place.key_ns)), ("id", f"{up_to}({place.number})"))
            end = Position.tie_end(place.key_ns, descending=query.descending)
            return tie, (end, beyond)
        return _bound_by(name, (up_to, place.key_ns)), None
    bound = _bound_by(name, (near, near_ns), (far, far_ns))
    leads = near_ns is None and not query.descending  # the year 1 would, over a bound at the end
    if query.sort in _ALWAYS_THERE or query.ids or (bound and not leads):
        return bound, None
    # Where absent times sort is unknown (P§6); a bound leaves them out.
    return ((name, _EPOCH),), None


class Cut(NamedTuple):
    """How windows are cut: `params` go out, and `keeps` are checked here.

    What lacks one of the `timed` fields is no match.
    """

    params: Params
    keeps: list[Keep]
    timed: tuple[InstantField, ...]


def cut(
    bounds: Mapping[InstantField, tuple[int | None, int | None]],
    names: Mapping[InstantField, str],
) -> Cut:
    """Return how the windows of fields that are not sorted by are cut."""
    params: Params = ()
    keeps, timed = [], []
    for field, (after, before) in sorted(bounds.items()):
        # One bound a field is all the platform takes (P§5.3); the other is cut here.
        params += _bound_by(names[field], ("ge", after), ("lt", before))
        if after is not None and before is not None:
            keeps.append(_ends_before(field, before))
        elif before is not None:
            # The year 1 is before everything; a scan for that alone would cost all others.
            timed.append(field)
    return Cut(params, keeps, tuple(timed))


def _ends_before(field: InstantField, bound_ns: int) -> Keep:
    """Return the check that a time is there and before `bound_ns`."""

    def keep(reading: Reading[Item]) -> bool:
        at_ns = reading.at_ns(field)
        return at_ns is not None and at_ns < bound_ns

    return keep


def _bound_by(name: str, *bounds: tuple[str, int | None]) -> Params:
    """Return the first of `bounds` that there is, as the platform's filter."""
    for operator, ns in bounds:
        if ns is not None:
            return ((name, f"{operator}({rfc3339(ns)})"),)
    return ()
