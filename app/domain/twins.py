"""The query twins of `Cache-Control`: for callers who can't set headers; no part of a question."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.faults import Faults
from app.domain.parameter import Parameter
from app.domain.parameters import Table
from app.domain.values import ValueFaultError
from app.errors import InvalidValueError

SECONDS_MAX = 2**31 - 1
_SECONDS = re.compile(r"[0-9]{1,10}")
_SECONDS_SCHEMA = {"type": "integer", "minimum": 0, "maximum": SECONDS_MAX}


def _seconds(text: str) -> int:
    if _SECONDS.fullmatch(text) and int(text) <= SECONDS_MAX:
        return int(text)
    raise ValueFaultError(f"{text!r} is not allowed", f"whole seconds from 0 to {SECONDS_MAX}")


def _boolean(text: str) -> bool:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    raise ValueFaultError(f"{text!r} is not allowed", "true, false")


TWINS = Table(
    (
        Parameter(
            "max_age",
            "The answer is no older than so many seconds, at least 1; 0 asks the platform now. "
            "Wins over `Cache-Control: max-age` and `no-cache`.",
            "5",
            _seconds,
            _SECONDS_SCHEMA,
        ),
        Parameter(
            "cached_only",
            "`true` never calls the platform: 504 `not-cached` when nothing kept will do.",
            "true",
            _boolean,
            {"type": "boolean", "default": False},
        ),
        Parameter(
            "max_stale",
            "Old is fine up to so many seconds past its freshness; it is refreshed behind you.",
            "60",
            _seconds,
            _SECONDS_SCHEMA,
        ),
    )
)


def peel(
    pairs: Iterable[tuple[str, str]], faults: Faults
) -> tuple[Mapping[str, Any], list[tuple[str, str]]]:
    """Return the twins that were given, by name, and the pairs that are left of the question.

    A value that is not allowed, and a second one that differs, are noted in `faults`.
    """
    given: dict[str, Any] = {}
    rest: list[tuple[str, str]] = []
    for name, text in pairs:
        twin = TWINS.by_name.get(name)
        if twin is None:
            rest.append((name, text))
            continue
        try:
            value = twin.read(text)
        except ValueFaultError as exc:
            faults.add(InvalidValueError, name, exc.detail, allowed=exc.allowed)
            continue
        if given.setdefault(name, value) != value:
            faults.add(InvalidValueError, name, "is given twice", allowed="one value")
    return given, rest
