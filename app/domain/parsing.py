"""Query strings to TaskQuery: every mistake is found, named, and told in one answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast

from app.domain import moments
from app.domain.parameters import PARAMETERS, Parameter, ValueFaultError
from app.domain.query import IDS_MAX, LIMIT_DEFAULT, SORT_FIELDS, TOKEN_FIELDS, TaskQuery, Window
from app.domain.status import GROUPS, STATUSES
from app.domain.task import InstantField
from app.errors import (
    ConflictingParametersError,
    InvalidParameterError,
    InvalidValueError,
    ParameterFault,
    RequestError,
    TooManyIdsError,
    UnknownParameterError,
)

_COMMA = re.compile(r"(?<!\\),")
# A short request with thousands of mistakes must not cost a long answer.
_FAULTS_MAX = 20
_BESIDE_CURSOR = {"cursor", "limit"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks: a query, or a cursor that may be followed by `query` again.

    `filtered` says whether anything but `cursor` and `limit` was given, `limit` is None when not.
    """

    query: TaskQuery
    cursor: str | None
    filtered: bool
    limit: int | None


class _Faults:
    def __init__(self) -> None:
        self._found: list[tuple[type[RequestError], ParameterFault]] = []

    def add(self, kind: type[RequestError], parameter: str, detail: str, **more: Any) -> None:
        self._found.append((kind, ParameterFault(parameter, detail, **more)))
        if len(self._found) == _FAULTS_MAX:
            self.settle()

    def settle(self) -> None:
        """Raise what was found: the kind itself when all agree, else `invalid-parameter`."""
        if not self._found:
            return
        kinds = {kind for kind, _ in self._found}
        kind = kinds.pop() if len(kinds) == 1 else InvalidParameterError
        faults = [fault for _, fault in self._found]
        told = "; ".join(_sentence(fault) for fault in faults)
        raise kind(f"{told}.", faults=faults)


def _sentence(fault: ParameterFault) -> str:
    hint = f" (did you mean {fault.did_you_mean}?)" if fault.did_you_mean else ""
    return f"{fault.parameter}: {fault.detail}{hint}"


def parse(pairs: Iterable[tuple[str, str]]) -> Asked:
    """Return what the decoded `pairs` of a query string ask.

    Raises:
        RequestError: at least one parameter is wrong; every fault is listed.
    """
    faults = _Faults()
    given = _collect(pairs, faults)
    windows = _windows(given, faults)
    ids = tuple(sorted(set(given.get("id", ()))))
    if len(ids) > IDS_MAX:
        faults.add(TooManyIdsError, "id", f"{len(ids)} ids", allowed=f"at most {IDS_MAX}")
    faults.settle()
    limit = _single(given, "limit")
    sort: str = _single(given, "sort") or "-created_at"
    query = TaskQuery(
        accounts=_sorted(given, "account"),
        ids=ids,
        statuses=_statuses(given),
        tokens=tuple((name, _sorted(given, name)) for name in TOKEN_FIELDS if name in given),
        windows=windows,
        sort=cast("InstantField", sort.removeprefix("-")),
        descending=sort.startswith("-"),
        limit=limit or LIMIT_DEFAULT,
        partial=_single(given, "partial") != "deny",
    )
    filtered = not given.keys() <= _BESIDE_CURSOR
    return Asked(query, _single(given, "cursor"), filtered, limit)


def refuse_all(pairs: Iterable[tuple[str, str]]) -> None:
    """Refuse every parameter, for routes that take none.

    Raises:
        UnknownParameterError: there was one.
    """
    faults = _Faults()
    for name, _ in pairs:
        faults.add(UnknownParameterError, name, "is not a parameter here", allowed="none")
    faults.settle()


def _collect(pairs: Iterable[tuple[str, str]], faults: _Faults) -> dict[str, list[Any]]:
    given: dict[str, list[Any]] = {}
    for name, text in dict.fromkeys(pairs):
        parameter = PARAMETERS.get(name)
        if parameter is None:
            meant = next(iter(get_close_matches(name.lower(), PARAMETERS, 1)), None)
            faults.add(UnknownParameterError, name, "is not a parameter here", did_you_mean=meant)
            continue
        values = given.setdefault(name, [])
        for piece in dict.fromkeys(_COMMA.split(text) if parameter.many else (text,)):
            try:
                values.append(_read(parameter, piece))
            except ValueFaultError as exc:
                faults.add(
                    InvalidValueError,
                    name,
                    exc.detail,
                    allowed=exc.allowed,
                    did_you_mean=exc.did_you_mean,
                )
        if not parameter.many and len(set(values)) > 1:
            faults.add(InvalidValueError, name, "is given twice", allowed="one value")
    return given


def _read(parameter: Parameter, text: str) -> Any:
    if not text:
        raise ValueFaultError("is empty", "a value, or leave the parameter out")
    return parameter.read(text.replace("\\,", ","))


def _single(given: dict[str, list[Any]], name: str) -> Any:
    return next(iter(given.get(name, ())), None)


def _sorted(given: dict[str, list[Any]], name: str) -> tuple[str, ...]:
    return tuple(sorted(set(given.get(name, ()))))


def _statuses(given: dict[str, list[Any]]) -> tuple[str, ...] | None:
    """Status and status_group are ANDed like any two parameters, and both are sets of statuses.

    All statuses at once are no filter: whatever is not known today is answered as `unknown`.
    """
    asked: list[set[str]] = []
    if "status" in given:
        asked.append(set(given["status"]))
    if "status_group" in given:
        asked.append({status for group in given["status_group"] for status in GROUPS[group]})
    wanted = set(STATUSES).intersection(*asked)
    return tuple(sorted(wanted)) if len(wanted) < len(STATUSES) else None


def _windows(
    given: dict[str, list[Any]], faults: _Faults
) -> tuple[tuple[InstantField, Window], ...]:
    windows: list[tuple[InstantField, Window]] = []
    for field in SORT_FIELDS:
        stem = field.removesuffix("_at")
        window = Window(_single(given, f"{stem}_after"), _single(given, f"{stem}_before"))
        if moments.is_empty(window):
            faults.add(
                ConflictingParametersError,
                f"{stem}_after",
                f"is not before {stem}_before, so nothing can match",
                allowed=f"a moment before {stem}_before",
            )
        if window != Window():
            windows.append((field, window))
    return tuple(windows)
