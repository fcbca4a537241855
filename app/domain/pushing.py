"""Filters → what the platform takes of them (P§5), and checks of what it doesn't."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote_plus

from app.domain.bounds import Params
from app.domain.columns import COLUMNS, ONLY_IN_ACTIVITIES, TEXTS, Column, sent_values
from app.domain.filters import Keep
from app.domain.narrowing import narrow
from app.domain.query import ActivityQuery, FilterName, TaskQuery
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

    @property
    def params(self) -> Params:
        """What goes out, always in the same order."""
        sent = sorted(self.conditions.items())
        return tuple([(name, value) for name, values in sent for value in sorted(values)])


class _Offer(NamedTuple):
    """What may go out by one of the platform's parameters, and the check that stands in for it.

    When it is not `exact` it selects too much, and is checked as well.
    """

    param: str
    values: frozenset[str]
    check: Keep
    exact: bool = True

    @property
    def size_bytes(self) -> int:
        """How long it makes the URL."""
        return sum(len(self.param) + 2 + len(quote_plus(value)) for value in self.values)


def push(query: TaskQuery, account: str) -> Push | None:
    """Return how `account` is asked for the filters of `query`, or None when none of it can match.

    What goes out and what is checked here select together exactly what the filters mean.
    """
    offers: list[_Offer] = []
    for name, column in COLUMNS.items():
        values = query.values(name)
        if not values:
            continue
        if name in TEXTS and any(map(_is_special, values)):
            offers.append(_like(column, values))
            continue
        spellings = _spellings(name, values, account)
        if not spellings:
            return None
        offers.append(_equal(column, spellings))
    # The longest stay here, until the URL holds the others.
    offers.sort(key=lambda offer: offer.size_bytes)
    pushed, room = Push(), PUSHED_BYTES_MAX
    for offer in offers:
        room -= offer.size_bytes
        if offer.values and room >= 0:
            pushed.conditions[offer.param] = offer.values
        if not offer.exact or room < 0:
            pushed.keeps.append(offer.check)
    if query.statuses is not None:
        cancels = not isinstance(query, ActivityQuery)
        pushed.keeps += narrow(pushed.conditions, frozenset(query.statuses), cancels=cancels)
    return pushed if all(pushed.conditions.values()) else None


def _spellings(name: FilterName, values: tuple[str, ...], account: str) -> frozenset[str]:
    """Return what the platform may hold for one of `values`."""
    if name in ONLY_IN_ACTIVITIES:
        found = [value.rpartition(".") for value in values]
        return frozenset(number for alias, _, number in found if alias in {"", account})
    if name in {"policy", "resource"}:
        # One resource is sent in both cases, and the platform compares with case (P§15, 13).
        return frozenset(each for value in values for each in (value, value.lower(), value.upper()))
    return frozenset(values)


def _is_special(value: str) -> bool:
    return value.startswith(CONTAINS) or _BRACKETS.search(value) is not None


def _equal(column: Column, spellings: frozenset[str]) -> _Offer:
    """Offer values to equal; those with brackets can't go out (P§5.2)."""
    check = _one_of(column, spellings)
    if any(_BRACKETS.search(value) for value in spellings):
        return _Offer(column.param, frozenset(), check, exact=False)
    return _Offer(column.param, spellings, check)


def _like(column: Column, values: tuple[str, ...]) -> _Offer:
    """Offer a text by `like()`, which takes no alternatives (P§5.3); several are checked here."""
    check = _text(column, values)
    if len(values) > 1:
        return _Offer(column.param, frozenset(), check, exact=False)
    text = values[0].removeprefix(CONTAINS)
    # The longest part that can be said selects all that is wanted, and perhaps more.
    parts = _UNSAYABLE.split(text)
    part = text if len(parts) == 1 else max((each.strip() for each in parts), key=len)
    sent = frozenset({f"like({part})"} if part else ())
    exact = part == text and values[0].startswith(CONTAINS) and not _WILD.search(text)
    return _Offer(column.param, sent, check, exact=exact)


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
