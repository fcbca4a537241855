"""Query strings to queries: every mistake is found, named, and told in one answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from app.domain import moments
from app.domain.collecting import Given, collect
from app.domain.faults import Faults
from app.domain.parameters import TASK_ACTIVITIES_PARAMETERS, Table
from app.domain.projection import canonical
from app.domain.query import (
    FILTERS,
    IDS_MAX,
    LIMIT_DEFAULT,
    SORT_FIELDS,
    ActivityQuery,
    Shape,
    TaskQuery,
    Window,
)
from app.domain.reading import InstantField
from app.domain.status import CANCELING, GROUPS, STATUSES
from app.errors import (
    ConflictingParametersError,
    TooManyIdsError,
    UnknownParameterError,
)

_BESIDE_CURSOR = {"cursor", "limit", "partial"}
_BOUNDS = [
    (field, f"{stem}_after", f"{stem}_before")
    for field in SORT_FIELDS
    for stem in (field.removesuffix("_at"),)
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks: a query, or a cursor that may be followed by `query` again.

    `given` are the parameters that a walk keeps; `limit` is None when it was not given.
    """

    query: TaskQuery
    cursor: str | None
    given: frozenset[str]
    limit: int | None


def parse(pairs: Iterable[tuple[str, str]], table: Table) -> Asked:
    """Return what the decoded `pairs` of a query string ask of the list that has `table`.

    Raises:
        RequestError: at least one parameter is wrong; every fault is listed, up to a bound.
    """
    faults = Faults()
    given = collect(pairs, table, faults)
    windows = _windows(given, faults)
    ids = _sorted(given, "id")
    if len(ids) > IDS_MAX:
        faults.add(TooManyIdsError, "id", f"{len(ids)} ids", allowed=f"at most {IDS_MAX}")
    faults.settle()
    limit = _single(given, "limit")
    sort: str = _single(given, "sort") or "-created_at"
    query = table.query(
        accounts=_sorted(given, "account"),
        ids=ids,
        **_statuses(given, table),
        filters=tuple((name, _sorted(given, name)) for name in FILTERS if name in given),
        # Beside a cursor it may stand for the tenants that the cursor holds.
        tenant_exact=not given.keys().isdisjoint({"tenant", "cursor"})
        and _single(given, "tenant_scope") == "exact",
        roots_only=_single(given, "roots_only") is True,
        windows=windows,
        sort=cast("InstantField", sort.removeprefix("-")),
        descending=sort.startswith("-"),
        limit=limit or LIMIT_DEFAULT,
        partial=_single(given, "partial") != "deny",
        shape=_shape(given),
    )
    return Asked(query, _single(given, "cursor"), frozenset(given) - _BESIDE_CURSOR, limit)


def parse_shape(pairs: Iterable[tuple[str, str]], table: Table) -> Shape:
    """Return which keys a single object is asked with.

    Raises:
        RequestError: at least one parameter is wrong; every fault is listed, up to a bound.
    """
    faults = Faults()
    given = collect(pairs, table, faults)
    faults.settle()
    return _shape(given)


def parse_steps(pairs: Iterable[tuple[str, str]]) -> tuple[Shape, bool]:
    """Return which keys the activities of one task are asked with, and whether as a tree.

    Raises:
        RequestError: at least one parameter is wrong; every fault is listed, up to a bound.
    """
    faults = Faults()
    given = collect(pairs, TASK_ACTIVITIES_PARAMETERS, faults)
    faults.settle()
    return _shape(given), _single(given, "view") == "tree"


def refuse_all(pairs: Iterable[tuple[str, str]]) -> None:
    """Refuse every parameter, for routes that take none.

    Raises:
        UnknownParameterError: there was one.
    """
    faults = Faults()
    for name, _ in pairs:
        faults.add(UnknownParameterError, name, "is not a parameter here", allowed="none")
    faults.settle()


def _single(given: Given, name: str) -> Any:
    values = given.get(name)
    return values[0] if values else None


def _sorted(given: Given, name: str) -> tuple[str, ...]:
    return tuple(sorted(set(given[name]))) if name in given else ()


def _shape(given: Given) -> Shape:
    fields = canonical(given["fields"]) if "fields" in given else ()
    return Shape(fields, _sorted(given, "include"))


def _statuses(given: Given, table: Table) -> dict[str, Any]:
    """Return `statuses` and `status_parts` of the query.

    Status and status_group are ANDed like any two parameters, and both are sets of statuses. None
    means any of them, whether no status or every one was asked for.
    """
    if "status" not in given and "status_group" not in given:
        return {}
    # Activities are never asked to cancel; the group that has the word is asked for the rest.
    lacking = {CANCELING.status} if table.query is ActivityQuery else set()
    known = set(STATUSES) - lacking

    def told(wanted: set[str]) -> tuple[str, ...] | None:
        return tuple(sorted(wanted)) if wanted != known else None

    status = known.intersection(given.get("status", known))
    groups = given.get("status_group", GROUPS)
    group = known.intersection(each for word in set(groups) for each in GROUPS[word])
    both = "status" in given and "status_group" in given and status != group
    return {
        "statuses": told(status & group),
        "status_parts": (told(status), told(group)) if both else None,
    }


def _windows(given: Given, faults: Faults) -> tuple[tuple[InstantField, Window], ...]:
    windows: list[tuple[InstantField, Window]] = []
    for field, after, before in _BOUNDS:
        if after not in given and before not in given:
            continue
        window = Window(_single(given, after), _single(given, before))
        if moments.is_empty(window):
            faults.add(
                ConflictingParametersError,
                after,
                f"is not before {before}, so nothing can match",
                allowed=f"a moment before {before}",
            )
        if window != Window():
            windows.append((field, window))
    return tuple(windows)
