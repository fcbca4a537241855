"""Order, cursors and pages (P§6, P§8): a cursor is a position and holds the query it belongs to."""

import base64
import binascii
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import msgspec

from app.sandbox.grammar import Row, split_call
from app.sandbox.refusals import bad_request

Key = tuple[str, bool]  # field, descending


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """A place in the walk of one query: filters and order as sent, sort values of the last row."""

    noun: str
    filters: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    lod: str | None
    position: tuple[int | str | None, ...]


def parse_order(values: Sequence[str], allowed: frozenset[str]) -> tuple[Key, ...]:
    """Read `order`, major key first, and end it with `id` so that it is total.

    Raises:
        RefusalError: 400 with a text of P§5.5.
    """
    keys: list[Key] = []
    for value in values:
        try:
            function, field = split_call(value)
        except ValueError as exc:
            raise bad_request(str(exc)) from exc
        if function == "":
            raise bad_request(
                "empty order function" if "(" not in value else "bad order function ''"
            )
        if not field:
            raise bad_request("empty order field")
        if function not in ("asc", "desc"):
            raise bad_request(f"bad order function '{function}'")
        if field not in allowed:
            raise bad_request(f"bad order field '{field}'")
        keys.append((field, function == "desc"))
    return (*keys, ("id", keys[-1][1] if keys else False))


def arrange(rows: list[Row], keys: Sequence[Key]) -> None:
    """Sort in place. An absent value counts as the largest, as in PostgreSQL: last ascending."""
    for field, descending in reversed(keys):
        rows.sort(key=lambda row: _rank(row.get(field)), reverse=descending)


def position_of(row: Row, keys: Sequence[Key]) -> tuple[int | str | None, ...]:
    """Return the sort values of a row."""
    return tuple(row.get(field) for field, _ in keys)


def start_of(rows: Sequence[Row], keys: Sequence[Key], position: Sequence[Any]) -> int:
    """Return the index of the first arranged row that lies beyond the position."""

    def beyond(row: Row) -> bool:
        for (field, descending), mark in zip(keys, position, strict=True):
            mine, other = _rank(row.get(field)), _rank(mark)
            if mine != other:
                return (mine > other) != descending
        return False

    return bisect_left(rows, True, key=beyond)


def seal(cursor: Cursor) -> str:
    """Print a cursor: base64 of a checksum and the query, with `+`, `/` and `=` as they fall."""
    body = msgspec.json.encode(cursor)  # holds the zero time, which is beyond 64 bits
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode()


def unseal(text: str, noun: str) -> Cursor:
    """Read a cursor of this list.

    Raises:
        RefusalError: 400, the cursor is damaged or belongs to another list.
    """
    try:
        sealed = base64.b64decode(text, validate=True)
        cursor = msgspec.json.decode(sealed[4:], type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as exc:
        raise bad_request("bad cursor") from exc
    if zlib.crc32(sealed[4:]).to_bytes(4, "big") != sealed[:4] or cursor.noun != noun:
        raise bad_request("bad cursor")
    return cursor


def _rank(value: Any) -> tuple[bool, Any]:
    return value is None, value
