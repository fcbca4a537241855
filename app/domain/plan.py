"""A query → what the platform is asked, what is filtered here, and when to stop reading."""

from dataclasses import dataclass

from app.domain.bounds import Params, cut, order_by, sort_bounds, windows
from app.domain.columns import TIMES
from app.domain.filters import Keep, Tenants, local_filters, sight, unknown_tenants
from app.domain.pushing import push
from app.domain.query import Position, TaskQuery
from app.domain.reading import InstantField, Item, Reading


@dataclass(frozen=True, slots=True)
class Plan:
    """How one query is answered: `params` go to the platform, the rest is done here.

    In a tie another list follows that of `params`: `then` holds the place where it begins, and its
    params. `keep` filters what the platform can't; None when its answer is exact. `sees` says what
    the asker may see of it, None for all; it `learns` when both may let pass what they refused
    before. What lacks one of the `timed` fields is no match. `after_ns` and `before_ns` bound the
    sort key (included, excluded); the one in the walk's direction is also where reading ends.
    """

    params: Params
    keep: Keep | None
    field: InstantField
    descending: bool
    after_ns: int | None
    before_ns: int | None
    position: Position | None
    sees: Keep | None = None
    then: tuple[Position, Params] | None = None
    learns: bool = False
    timed: tuple[InstantField, ...] = ()

    @property
    def lists(self) -> tuple[tuple[Position | None, Params], ...]:
        """What the platform is asked for, one list after the other, and where those after begin."""
        return ((None, self.params),) if self.then is None else ((None, self.params), self.then)

    @property
    def scans(self) -> bool:
        """Whether more is read than shown."""
        return self.keep is not None or self.sees is not None

    def place(self, reading: Reading[Item], account: str) -> Position | None:
        """Return where `reading` stands in the walk, or None when it has no sort key."""
        key_ns = reading.at_ns(self.field)
        if key_ns is None or reading.number is None:
            return None
        return Position(key_ns, reading.number, account)

    def passed(self, place: Position) -> bool:
        """Say whether the walk has already been at `place`."""
        return self.position is not None and not self.precedes(self.position, place)

    def precedes(self, one: Position, other: Position) -> bool:
        """Say whether `one` comes strictly before `other` in the walk."""
        return one > other if self.descending else one < other

    def never(self, reading: Reading[Item]) -> bool:
        """Say whether `reading` and all that follows has no sort key but the year 1.

        A walk that goes back ends there; only its bound tells that no absent times come first.
        """
        bounded = self.position is not None and self.descending
        return bounded and reading.is_never(self.field)

    def lacks(self, reading: Reading[Item]) -> bool:
        """Say whether `reading` lacks a time that it must have: it came for its year 1."""
        return reading.number is not None and any(
            reading.at_ns(field) is None for field in self.timed
        )

    def ended(self, place: Position) -> bool:
        """Say whether `place` lies beyond the window's far end: nothing more will match."""
        if self.descending:
            return self.after_ns is not None and place.key_ns < self.after_ns
        return self.before_ns is not None and place.key_ns >= self.before_ns


def make_plan(
    query: TaskQuery, account: str, *, now_ns: int, step_s: float, tenants: Tenants
) -> Plan | None:
    """Return how `account` answers `query` at `now_ns`, or None when nothing of it can match.

    Ages are rounded down to `step_s`, so that equal questions share an answer. `tenants` says which
    number stands for a tenant's UUID, and learns while the plan's `keep` looks at items.
    """
    pushed, bounds = push(query, account), windows(query, now_ns, step_s)
    if pushed is None or bounds is None:
        return None
    names = TIMES[type(query)]
    after_ns, before_ns = bounds.pop(query.sort, (None, None))
    bound, tied = sort_bounds(query, names[query.sort], after_ns, before_ns)
    others = cut(bounds, names)
    order = order_by(names[query.sort], descending=query.descending)
    head, tail = pushed.params, others.params + order
    return Plan(
        params=head + bound + tail,
        keep=_all([*local_filters(query, tenants), *pushed.keeps, *others.keeps]),
        field=query.sort,
        descending=query.descending,
        after_ns=after_ns,
        before_ns=before_ns,
        position=query.position,
        sees=sight(query.within, tenants),
        then=None if tied is None else (tied[0], head + tied[1] + tail),
        learns=bool(unknown_tenants(query, account, tenants)),
        timed=others.timed,
    )


def _all(keeps: list[Keep]) -> Keep | None:
    if not keeps:
        return None
    return lambda reading: all(keep(reading) for keep in keeps)
