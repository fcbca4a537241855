"""Instants in nanoseconds, read from the platform's texts and written to the millisecond."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # both sides of every subtraction are naive UTC
_SECONDS = {f"{second:02d}": second for second in range(60)}
_SCALE = tuple(10 ** (9 - digits) for digits in range(10))
_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
# "2020-04-22T11:34:03Z" to "2020-04-22T11:34:03.290396913Z"
_SHORTEST, _LONGEST = 20, 30


class Instant(NamedTuple):
    """One point in time: nanoseconds since the epoch, and its text in UTC with three digits."""

    ns: int
    text: str


def instant(text: str) -> Instant | None:
    """Read an RFC 3339 time with any number of fractional digits; those past the ninth are cut.

    Returns None for anything else, for a time without an offset, and for the year 1, which is how
    Go programs print "never".
    """
    if _SHORTEST <= len(text) <= _LONGEST and text[-1] == "Z" and text[16] == ":":
        # Nearly every time of the platform takes this way: UTC, at most nine digits (P§10.4).
        minute = _minute(text[:16])
        second = _SECONDS.get(text[17:19])
        if minute is not None and second is not None:
            fraction = text[20:-1]
            if text[19] == "." and fraction.isdecimal() and fraction.isascii():
                ns = (minute + second) * 1_000_000_000 + int(fraction) * _SCALE[len(fraction)]
                return Instant(ns, f"{text[:19]}.{fraction[:3]:0<3}Z")
            if text[19] == "Z":
                return Instant((minute + second) * 1_000_000_000, f"{text[:19]}.000Z")
    return _any_instant(text)


def nanoseconds(text: str) -> int | None:
    """Return the nanoseconds since the epoch of an RFC 3339 time; None as `instant` does."""
    found = instant(text)
    return None if found is None else found.ns


def milliseconds(text: str) -> str | None:
    """Return an RFC 3339 time in UTC, truncated to three digits; None as `instant` does."""
    found = instant(text)
    return None if found is None else found.text


def rfc3339(ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC with nine digits; nothing is lost."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}.{fraction:09d}Z"


@lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    """Return the epoch second at which a minute begins; the times of one task share few minutes."""
    # `fromisoformat` also reads weeks and other separators, so the form is checked first.
    if _MINUTE.fullmatch(text) is None or text.startswith("0001-"):
        return None
    try:
        return _since_epoch(datetime.fromisoformat(text))
    except ValueError:
        return None


def _any_instant(text: str) -> Instant | None:
    """Read what the fast path of `instant` leaves: offsets, lower case, a space, long fractions."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, sign, hours, minutes = found.groups()
    try:
        when = datetime.fromisoformat(f"{day}T{clock}")
        if sign is not None:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            when = when - offset if sign == "+" else when + offset
    except (ValueError, OverflowError):
        return None
    if when.year == 1:
        return None
    ns = _since_epoch(when) * 1_000_000_000 + int((fraction or "")[:9].ljust(9, "0"))
    return Instant(ns, f"{rfc3339(ns)[:23]}Z")


def _since_epoch(when: datetime) -> int:
    passed = when - _EPOCH
    return passed.days * 86_400 + passed.seconds
