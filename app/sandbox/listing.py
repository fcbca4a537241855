"""One request to the Task Manager: parameters in, the answer's bytes out (P§4, P§8, P§9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from app.sandbox.dataset import print_row
from app.sandbox.detail import LODS
from app.sandbox.fields import Field
from app.sandbox.grammar import Row, Test, compile_filter, flag
from app.sandbox.paging import (
    Cursor,
    arrange,
    parse_order,
    position_of,
    seal,
    start_of,
    unseal,
)
from app.sandbox.refusals import bad_request, not_found
from app.sandbox.times import integer

Params = Sequence[tuple[str, str]]

_SINGLE = ("lod", "allow_deleted")
_LIST = (*_SINGLE, "limit", "after")


@dataclass(frozen=True)
class Noun:
    """A list and its single objects: what may be asked, and where the rows come from."""

    name: str
    fields: Mapping[str, Field]
    orders: frozenset[str]
    rows: Callable[[int], list[Row]]
    limit_default: int
    limit_max: int

    def one(self, number: str, params: Params, *, now_ns: int, locator: str) -> bytes:
        """Return a single object, bare.

        Raises:
            RefusalError: 400 for a bad parameter or id, 404 when nothing is visible there.
        """
        for name, _ in params:
            if name not in _SINGLE:
                raise bad_request(f"bad condition field '{name}'")
        lod = _lod(_controls(params, _SINGLE).get("lod"), counting=False)
        wanted = _integer("id", number)
        for row in self.rows(now_ns):
            if row["id"] == wanted and row["locator"].startswith(locator):
                return print_row(row, lod)
        raise not_found(number)

    def page(self, params: Params, *, now_ns: int, locator: str) -> bytes:
        """Return a page of the list.

        Beside `after`, filters and order are those of the cursor; what is sent is only checked.
        A larger `limit` than the most is served as the most.

        Raises:
            RefusalError: 400 with a text of P§5.5.
        """
        controls = _controls(params, _LIST)
        limit, cursor = self._limit(controls.get("limit")), self._cursor(params, controls)
        rows = [row for row in self.rows(now_ns) if row["locator"].startswith(locator)]
        for test in self._tests(cursor.filters):
            rows = [row for row in rows if test(row)]
        if cursor.lod == "count":
            return msgspec.json.encode({"items": [], "size": len(rows)})
        keys = parse_order(cursor.order, self.orders)
        arrange(rows, keys)
        start = start_of(rows, keys, cursor.position) if cursor.position else 0
        shown = rows[start : start + limit]

        def at(row: Row) -> str:
            return seal(msgspec.structs.replace(cursor, position=position_of(row, keys)))

        cursors = {}
        if shown and start + limit < len(rows):
            cursors["after"] = at(shown[-1])
        if shown and start > 0:
            cursors["before"] = at(shown[0])
        items = b",".join([print_row(row, cursor.lod) for row in shown])
        paging = b',"paging":' + msgspec.json.encode({"cursors": cursors})
        tail = paging if cursors or cursor.position else b""
        return b'{"items":[' + items + b"]" + tail + b',"size":%d}' % len(shown)

    def _cursor(self, params: Params, controls: Mapping[str, str]) -> Cursor:
        """Return the query: the one asked now, or the one a cursor holds with its place."""
        filters = tuple((name, value) for name, value in params if name not in (*_LIST, "order"))
        order = tuple(value for name, value in params if name == "order")
        lod = _lod(controls.get("lod"), counting=True)
        self._tests(filters)
        parse_order(order, self.orders)
        if "after" not in controls:
            return Cursor(self.name, filters, order, lod, ())
        if "limit" not in controls:
            raise bad_request("field 'after' needs field 'limit'")
        held = unseal(controls["after"], self.name)
        return msgspec.structs.replace(held, lod=lod or held.lod)

    def _tests(self, filters: Params) -> list[Test]:
        values: dict[str, list[str]] = {}
        for name, value in filters:
            if name not in self.fields:
                raise bad_request(f"bad condition field '{name}'")
            values.setdefault(name, []).append(value)
        return [
            test
            for name, given in values.items()
            for test in compile_filter(name, self.fields[name], given)
        ]

    def _limit(self, text: str | None) -> int:
        if text is None:
            return self.limit_default
        limit = _integer("limit", text)
        if limit < 1:
            raise bad_request("field 'limit' value is too small, min value is 1")
        return min(limit, self.limit_max)


def _controls(params: Params, names: Sequence[str]) -> dict[str, str]:
    """Return the parameters that are no filters, each given once at most and not empty."""
    found: dict[str, str] = {}
    for name, value in params:
        if name not in names:
            continue
        if name in found:
            raise bad_request(f"single value expected on field '{name}'")
        if not value:
            raise bad_request(f"field '{name}' value is empty")
        found[name] = value
    if "allow_deleted" in found:
        try:
            flag(found["allow_deleted"])
        except ValueError as exc:
            raise bad_request(f"{exc} on field 'allow_deleted'") from exc
    return found


def _lod(text: str | None, *, counting: bool) -> str | None:
    if text is None or text in LODS or (counting and text == "count"):
        return text
    raise bad_request(f"unknown value '{text}' on field 'lod'")


def _integer(name: str, text: str) -> int:
    try:
        return integer(text)
    except ValueError as exc:
        raise bad_request(f"{exc} on field '{name}'") from exc
