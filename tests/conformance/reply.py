"""What the origin said, and what HTTP lets a shared cache do with it: RFC 9111 sections 3 and 4."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import floor
from typing import Final, TypeAlias

from app.api.directives import delta_seconds, directives

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields in order; names are lower-case, values decoded as Latin-1."""

_DATES = (
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
)  # RFC 9110 section 5.6.7

_HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

_OF_THE_BODY = frozenset({
    "content-encoding", "content-length", "content-md5", "content-range", "etag",
})  # fmt: skip
"""What a 304 says of these is of no body that is here."""

_UNDERSTOOD = frozenset({
    200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 500, 501, 502,
    503, 504,
})  # fmt: skip

_HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
_HEURISTIC_SHARE = 0.1  # of the time since the last change, RFC 9111 section 4.2.2

_NO_STALE = ("must-revalidate", "proxy-revalidate", "s-maxage", "no-cache")
_FOR_EVERYBODY = ("public", "s-maxage", "must-revalidate")

_AN_INSTANT_S: Final = 1e-6
"""Shorter than any load, whose begin it counts from: kept for its validator, and never fresh."""

_ANY_AGE_S: Final = 2.0**31


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the origin; `came_at` is when, in Unix seconds."""

    status: int
    fields: Fields
    body: bytes
    came_at: float

    def get(self, name: str) -> str | None:
        """Return a field's value, its lines joined to one list, or None."""
        return joined(self.fields, name)

    @property
    def terms(self) -> Mapping[str, str | None]:
        """The directives of `Cache-Control`."""
        return directives(self.get("cache-control") or "")

    @property
    def made_at(self) -> float:
        """When the origin made it, by its own clock if that can be read."""
        made_at = moment(self.get("date"))
        return self.came_at if made_at is None else made_at

    @property
    def age_s(self) -> float:
        """How old it was when it came; one that can't be read is any age (section 4.2.3)."""
        said = self.get("age")
        age_s = 0.0
        if said is not None:
            seconds = delta_seconds(said)
            age_s = _ANY_AGE_S if seconds is None else seconds
        # In whole seconds, as dates are: what has just been made has no age.
        return max(age_s, floor(self.came_at) - self.made_at)

    @property
    def lifetime_s(self) -> float | None:
        """For how long the origin says that it is fresh, None if it says nothing."""
        terms = self.terms
        for name in ("s-maxage", "max-age"):
            if name in terms:
                return delta_seconds(terms[name]) or 0
        expires = self.get("expires")
        if expires is None:
            return None
        ends_at = moment(expires)
        return 0 if ends_at is None else ends_at - self.made_at

    @property
    def guessed_s(self) -> float:
        """For how long it may be taken for fresh when the origin says nothing."""
        changed_at = moment(self.get("last-modified"))
        if changed_at is None or not (self.status in _HEURISTIC or "public" in self.terms):
            return 0
        return max(0.0, self.made_at - changed_at) * _HEURISTIC_SHARE

    @property
    def left_s(self) -> float:
        """For how long it was still fresh when it came, negative when it was stale."""
        lifetime_s = self.lifetime_s
        return (self.guessed_s if lifetime_s is None else lifetime_s) - self.age_s

    @property
    def validators(self) -> Fields:
        """The fields of a request that asks whether it still holds."""
        asked = (
            ("if-none-match", self.get("etag")),
            ("if-modified-since", self.get("last-modified")),
        )
        return tuple((name, value) for name, value in asked if value is not None)

    @property
    def varies(self) -> tuple[str, ...]:
        """The fields of a request that chose it."""
        return members(self.get("vary"))

    @property
    def never_stale(self) -> bool:
        """Whether no outage lets it be used past its freshness (section 4.2.4)."""
        return not self.terms.keys().isdisjoint(_NO_STALE)

    def is_shared(self, *, credentials: bool) -> bool:
        """Say whether others than who asked, with credentials or without, may have it."""
        terms = self.terms
        if "no-store" in terms or "private" in terms or "*" in self.varies or self.status == 206:
            return False
        if "must-understand" in terms and self.status not in _UNDERSTOOD:
            return False
        return not (credentials and terms.keys().isdisjoint(_FOR_EVERYBODY))

    def ttl_s(self, *, credentials: bool) -> float:
        """Return for how long it is to be kept as fresh; 0 is not at all."""
        if not self.is_shared(credentials=credentials):
            return 0
        left_s = 0 if "no-cache" in self.terms else self.left_s
        return max(left_s, _AN_INSTANT_S if self.validators else 0)

    def freshened(self, confirmed: "Reply") -> "Reply":
        """Return this with what a 304 says anew (section 3.2)."""
        told = tuple(each for each in confirmed.fields if each[0] not in _OF_THE_BODY)
        new = {name for name, _ in told} | {"age"}
        rest = tuple(each for each in self.fields if each[0] not in new)
        return replace(self, fields=rest + told, came_at=confirmed.came_at)

    def aged(self, more_s: float) -> "Reply":
        """Return this as it is sent after so many seconds here."""
        return self.having("age", str(int(self.age_s + more_s)))

    def having(self, name: str, value: str) -> "Reply":
        """Return this with one field replaced."""
        rest = tuple(each for each in self.fields if each[0] != name)
        return replace(self, fields=(*rest, (name, value)))


def joined(fields: Fields, name: str) -> str | None:
    """Return a field's value, its lines joined to one list, or None."""
    values = [value for each, value in fields if each == name]
    return ", ".join(values) if values else None


def members(value: str | None) -> tuple[str, ...]:
    """Return the members of a list of tokens, in lower case."""
    return tuple(re.findall(r"[^\s,]+", (value or "").lower()))


def end_to_end(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Return the fields that are for more than one connection (RFC 9110 section 7.6.1)."""
    fields = tuple(
        # uvicorn hands the white space behind a value on; it is no part of it (section 5.5).
        (name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))
        for name, value in raw
    )
    own = _HOP_BY_HOP | set(members(joined(fields, "connection")))
    return tuple(each for each in fields if each[0] not in own)


def moment(text: str | None) -> float | None:
    """Return an HTTP date in Unix seconds, None if it can't be read."""
    for form in _DATES:
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
