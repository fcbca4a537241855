"""What may be asked of a list: canonical, frozen and hashable, so that it is the cache key."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Literal, TypeAlias, cast, get_args

import msgspec

from app.domain.reading import InstantField
from app.domain.status import COMPLETED, FINISHED

FilterName = Literal[
    "state",
    "result",
    "type",
    "policy_type",
    "policy",
    "policy_name",
    "resource",
    "resource_name",
    "resource_type",
    "started_by",
    "queue",
    "priority",
    "tag",
    "workflow",
    "agent",
    "task",
    "parent",
    "tenant",
    "category",
    "error_code",
]
FILTERS: tuple[FilterName, ...] = get_args(FilterName)
SORT_FIELDS: tuple[InstantField, ...] = get_args(InstantField)
LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
IDS_MAX = 200
_START_NS = 2**63 - 1  # beyond every sort key, up or down
_ID_END = 2**63  # ids are below it
_LAST = "~"  # behind every alias


class Age(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A moment that moves with the clock: so many seconds before now."""

    seconds: int


Moment: TypeAlias = int | Age  # nanoseconds since the Unix epoch, or an age


class Window(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A span of time, `after` included, `before` not, so that windows tile."""

    after: Moment | None = None
    before: Moment | None = None


class Position(
    msgspec.Struct, frozen=True, array_like=True, order=True, forbid_unknown_fields=True
):
    """A place in a walk: sort key in nanoseconds, numeric upstream id, account.

    An unreadable item has neither key nor id and stays where the platform put it: at the place of
    the readable one before it, told apart by `after` (-1, -2, … in a descending walk).
    """

    key_ns: int
    number: int
    account: str
    after: int = 0

    @classmethod
    def start(cls, *, descending: bool) -> "Position":
        """Return the place before everything that has a sort key."""
        return cls(_START_NS, 0, _LAST) if descending else cls(-_START_NS, 0, "")

    @classmethod
    def tie_end(cls, key_ns: int, *, descending: bool) -> "Position":
        """Return the place behind everything readable that has this sort key."""
        return cls(key_ns, -_ID_END, _LAST) if descending else cls(key_ns, _ID_END, "")

    @property
    def ends_tie(self) -> bool:
        """Whether it is a `tie_end`, or that of an unreadable item that follows one."""
        return abs(self.number) == _ID_END


class Shape(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which keys the objects of an answer have.

    `fields` are dotted names, sorted, none below another, and hold `id` when there are any; empty
    means every documented key. `include` are the opt-in keys, sorted.
    """

    fields: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


class TaskQuery(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag="task",
    tag_field="of",
):
    """One question about tasks. Equal questions are equal values, however they were spelt.

    `accounts`, `ids`, `statuses` and the values in `filters` are sorted and without duplicates;
    empty `accounts` means all, `statuses` None means any. Where `status` and `status_group` were
    given and differ, `status_parts` are what each asks for, and `statuses` what both do. `filters`
    are by our parameter name; `~` before a name means contains. `anchor_ns` is the now that ages
    are counted from in a walk, `position` what the walk has passed, `in_tie` says that so much has
    the same sort key that only ids lead on, and `missed` are the accounts that failed on a page
    before; all four are empty on its first page. `within` are the tenants whose subtrees the asker
    may see, None for all: it shapes the answer, so it is part of the question, but of no cursor.
    """

    accounts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] | None = None
    status_parts: tuple[tuple[str, ...] | None, tuple[str, ...] | None] | None = None
    filters: tuple[tuple[FilterName, tuple[str, ...]], ...] = ()
    tenant_exact: bool = False
    roots_only: bool = False
    windows: tuple[tuple[InstantField, Window], ...] = ()
    sort: InstantField = "created_at"
    descending: bool = True
    limit: int = LIMIT_DEFAULT
    partial: bool = True
    shape: Shape = Shape()
    anchor_ns: int | None = None
    position: Position | None = None
    in_tie: bool = False
    missed: tuple[str, ...] = ()
    within: tuple[str, ...] | None = None

    def agrees(self, other: "TaskQuery", names: Iterable[str]) -> bool:
        """Say whether both ask the same by the parameters of these `names`.

        The scope of tenants that `other` does not ask for says nothing.
        """
        if not other.values("tenant"):
            names = frozenset(names) - {"tenant_scope"}
        return all(_asked(self, name) == _asked(other, name) for name in names)

    def values(self, name: FilterName) -> tuple[str, ...]:
        """Return the values of a filter, empty when it was not asked."""
        return dict(self.filters).get(name, ())

    def window(self, field: InstantField) -> Window:
        """Return the window over a time field, unbounded when it was not asked."""
        return dict(self.windows).get(field, Window())

    @property
    def only_finished(self) -> bool:
        """Whether everything that can match is finished, so that it will hardly change."""
        if self.statuses is not None and set(self.statuses) <= _FINISHED:
            return True
        if self.values("state") == (COMPLETED,) or self.values("result"):
            return True
        return self.sort == "completed_at" or "completed_at" in dict(self.windows)


class ActivityQuery(TaskQuery, frozen=True, tag="activity"):
    """One question about activities: never equal to one about tasks, in a cache or in a cursor."""


_FINISHED = frozenset(status.status for status in FINISHED.values())


def _asked(query: TaskQuery, name: str) -> object:
    """Return what a query asks by a parameter."""
    if name in _STATUS_PARTS and query.status_parts is not None:
        return query.status_parts[_STATUS_PARTS[name]]
    if name in _ATTRIBUTES:
        return attrgetter(*_ATTRIBUTES[name])(query)
    stem, _, bound = name.rpartition("_")
    field = cast("InstantField", f"{stem}_at")
    # `started_by` is no bound.
    if field in SORT_FIELDS and bound in Window.__struct_fields__:
        return getattr(query.window(field), bound)
    return query.values(cast("FilterName", name))


_STATUS_PARTS = {"status": 0, "status_group": 1}
_ATTRIBUTES = {
    "account": ("accounts",),
    "id": ("ids",),
    "status": ("statuses",),
    "status_group": ("statuses",),
    "tenant_scope": ("tenant_exact",),
    "roots_only": ("roots_only",),
    "sort": ("sort", "descending"),
    "fields": ("shape.fields",),
    "include": ("shape.include",),
}
