"""Values between commas, read at once as far as they are in order: far cheaper than one by one."""

import re
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any, NamedTuple, TypeAlias

from app.domain import values
from app.domain.ids import NUMBER_MAX, UUID

# Those in order at the head of a text, and what begins with one that must be read by itself; None
# when nothing is left.
Taken: TypeAlias = tuple[list[str], str | None]

_TOKEN = f"[^,]{{1,{values.TOKEN_LENGTH_MAX}}}+"
_NUMBER = "(?:0|[1-9][0-9]{0,18}+)"
# All below 2^63 but the last few, which are read by themselves.
_LESS = "(?:0|[1-8][0-9]{0,18}+|9[0-9]{0,17}+|9[01][0-9]{17})"
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UUID_LENGTH = 36


class Reader(NamedTuple):
    """How a list is read: `one` value or its refusal, and `several` at once."""

    one: Callable[[str], Any]
    several: Callable[[str], Taken]


def words(known: Iterable[str]) -> Reader:
    """Return the reader of a closed set of our own words, whatever their case."""
    known = tuple(known)
    contains = frozenset(known).__contains__
    return Reader(values.word(known), lambda text: _while(contains, text.lower().split(","), text))


def names(known: frozenset[str], allowed: str) -> Reader:
    """Return the reader of field names."""
    contains = known.__contains__
    return Reader(values.name(known, allowed), lambda text: _while(contains, text.split(","), text))


def _while(contains: Callable[[str], bool], found: list[str], text: str) -> Taken:
    good = list(takewhile(contains, found))
    if len(good) == len(found):
        return found, None
    return good, text.split(",", len(good))[-1]


def _matching(
    pattern: str,
    change: Callable[[str], str] = str,
    each: Callable[[str], list[str]] = lambda text: text.split(","),
) -> Callable[[str], Taken]:
    """Return what takes those that match `pattern` after the `change`, and reads them by `each`."""
    head = re.compile(f"(?:{pattern},)*+")

    def take(text: str) -> Taken:
        changed = f"{change(text)},"
        end = head.match(changed).end()  # type: ignore[union-attr]  # nothing matches too
        good = each(changed[: end - 1]) if end else []
        if end == len(changed):
            return good, None
        return (good, text[end:]) if len(changed) == len(text) + 1 else ([], text)

    return take


def _anything(text: str) -> Taken:
    """Take whatever is not empty."""
    return _not_empty(text) if ",," in f",{text}," else (text.split(","), None)


def _in_either_case(text: str) -> list[str]:
    lower = text.lower()
    if lower == text or _uuids(lower)[1] is None:
        return lower.split(",")
    return [
        low if len(low) == _UUID_LENGTH and UUID.fullmatch(low) else sent
        for sent, low in zip(text.split(","), lower.split(","), strict=True)
    ]


def _numbers(text: str) -> Taken:
    """Take ids below 2^63; texts of one length compare as their numbers do."""
    good, rest = _digits(text)
    if len(text) >= len(NUMBER_MAX):
        for index, each in enumerate(good):
            if len(each) == len(NUMBER_MAX) and each > NUMBER_MAX:
                return good[:index], text.split(",", index)[-1]
    return good, rest


_digits, _uuids = _matching(_NUMBER), _matching(_UUID)
_not_empty = _matching("[^,]++")
TOKENS = Reader(values.token, _matching(_TOKEN))
FOLDED = Reader(values.folded, _matching(_TOKEN, each=lambda text: text.lower().split(",")))
IDS_OF_EITHER_CASE = Reader(values.id_of_either_case, _matching(_TOKEN, each=_in_either_case))
TEXTS = Reader(values.text_or_part, _matching(f"(?!{values.CONTAINS},){_TOKEN}"))
PRIORITIES = Reader(values.priority, _matching(_TOKEN, each=values.priorities))
NUMBERS = Reader(values.whole, _numbers)
ITEM_IDS = Reader(values.item_id, _matching(rf"(?:[a-z0-9-]{{1,32}}+\.)?{_LESS}", str.lower))
TENANTS = Reader(values.tenant, _matching(f"(?:0|[1-9][0-9]{{0,18}}|{_UUID})", str.lower))
ALIASES = Reader(str.lower, _matching("[^,]++", each=lambda text: text.lower().split(",")))
VERBATIM = Reader(values.verbatim, _anything)
