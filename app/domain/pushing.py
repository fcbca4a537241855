"""Filters → what the platform takes of them (P§5), and checks of what it doesn't."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from app.domain.columns import COLUMNS, ONLY_IN_ACTIVITIES, TEXTS, Column, sent_values
from app.domain.filters import Keep
from app.domain.query import FilterName, TaskQuery
from app.domain.reading import Item, Reading
from app.domain.values import CONTAINS

# Beside a hundred UUIDs of a batch a URL stays below 8 kB, which servers commonly allow.
PUSHED_BYTES_MAX = 3_500
_BRACKETS = re.compile(r"[()]")
# A bracket ends the argument, and a database may read a backslash as an escape (P§5.2).
_UNSAYABLE = re.compile(r"[()\\]")
_WILD = re.compile(r"[%_]")


@dataclass(slots=True)
class Push:
    """Values of the platform's parameters, ORed within one and ANDed between them; and checks."""

    conditions: dict[str, frozenset[str]] = field(default_factory=dict)
    keeps: list[Keep] = field(default_factory=list)


def push(query: TaskQuery, account: str) -> Push | None:
    """Return how `account` is asked for the filters of `query`, or None when none of it can match.

    What goes out and what is checked here select together exactly what the filters mean.
    """
    pushed = Push()
    wanted: dict[str, tuple[Column, frozenset[str]]] = {}
    for name, column in COLUMNS.items():
        values = query.values(name)
        if not values:
            continue
        if name in TEXTS and any(map(_is_special, values)):
            _push_texts(pushed, column, values)
            continue
        spellings = _spellings(name, values, account)
        if not spellings:
            return None
        wanted[column.param] = column, spellings
    for column, spellings in _too_much(wanted):
        pushed.keeps.append(_one_of(column, spellings))
        del wanted[column.param]
    pushed.conditions |= {param: spellings for param, (_, spellings) in wanted.items()}
    return pushed


def _spellings(name: FilterName, values: tuple[str, ...], account: str) -> frozenset[str]:
    """Return what the platform may hold for one of `values`."""
    if name in ONLY_IN_ACTIVITIES:
        found = [value.rpartition(".") for value in values]
        return frozenset(number for alias, _, number in found if alias in {"", account})
    if name in {"policy", "resource"}:
        # One resource is sent in both cases, and the platform compares with case (P§15, 13).
        return frozenset(each for value in values for each in (value, value.lower(), value.upper()))
    return frozenset(values)


def _too_much(
    wanted: Mapping[str, tuple[Column, frozenset[str]]],
) -> list[tuple[Column, frozenset[str]]]:
    """Return what can't go out: values with brackets (P§5.2), and the longest until a URL holds."""
    kept = []
    sizes: list[tuple[int, str]] = []
    for param, (column, spellings) in wanted.items():
        if any(_BRACKETS.search(value) for value in spellings):
            kept.append((column, spellings))
        else:
            sizes.append((sum(len(param) + 2 + len(quote_plus(v)) for v in spellings), param))
    sizes.sort()
    while sum(size for size, _ in sizes) > PUSHED_BYTES_MAX:
        _, param = sizes.pop()
        kept.append(wanted[param])
    return kept


def _is_special(value: str) -> bool:
    return value.startswith(CONTAINS) or _BRACKETS.search(value) is not None


def _push_texts(pushed: Push, column: Column, values: tuple[str, ...]) -> None:
    """Push a text by `like()`, which takes no alternatives (P§5.3); several are checked here."""
    if len(values) > 1:
        pushed.keeps.append(_text(column, values))
        return
    text = values[0].removeprefix(CONTAINS)
    # The longest part that can be said selects all that is wanted, and perhaps more.
    parts = _UNSAYABLE.split(text)
    part = text if len(parts) == 1 else max((each.strip() for each in parts), key=len)
    if part:
        pushed.conditions[column.param] = frozenset({f"like({part})"})
    if part != text or not values[0].startswith(CONTAINS) or _WILD.search(text):
        pushed.keeps.append(_text(column, values))


def _one_of(column: Column, wanted: frozenset[str]) -> Keep:
    def keep(reading: Reading[Item]) -> bool:
        return any(value in wanted for value in sent_values(reading.raw, column))

    return keep


def _text(column: Column, values: tuple[str, ...]) -> Keep:
    """Return the check of texts: equal as written, contained whatever the case.

    Whether the platform's `like()` ignores case is unknown (P§5.2); nothing that it found is lost.
    """
    equal = frozenset(value for value in values if not value.startswith(CONTAINS))
    parts = [value[1:].casefold() for value in values if value.startswith(CONTAINS)]

    def keep(reading: Reading[Item]) -> bool:
        return any(
            value in equal or any(part in value.casefold() for part in parts)
            for value in sent_values(reading.raw, column)
        )

    return keep
