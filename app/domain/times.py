"""The platform's times: nanoseconds to compute with, milliseconds to answer with."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_NO_DIGIT = re.compile(r"\D")
_THREE_DIGITS = 24  # the length of a UTC time with three digits behind the point
_SIX_DIGITS = 27

# One point in time: to the microsecond, in our form, and as it was sent. A plain tuple, because
# five are made for each task.
Instant = tuple[datetime, str, str]


def instant(text: str) -> Instant | None:
    """Read an RFC 3339 time with any number of fractional digits.

    Returns None for anything else, for a time without an offset, and for the year 1, which is how
    Go programs print "never".
    """
    # Nearly every time of the platform takes this way: UTC with a fraction (P§10.4). The characters
    # between the numbers rule out the other forms of ISO 8601 that `fromisoformat` reads.
    if text[7:20:3] == "-T::." and text[-1] == "Z":
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
        if when.year == 1:
            return None
        if len(text) >= _THREE_DIGITS:
            return when, text[:23] + "Z", text
        return when, f"{text[:-1]:0<23}Z", text
    return _any_instant(text)


def milliseconds(text: str) -> str | None:
    """Return an RFC 3339 time in UTC, truncated to three digits; None as `instant` does."""
    found = instant(text)
    return None if found is None else found[1]


def nanoseconds(text: str) -> int | None:
    """Return the nanoseconds since the epoch of an RFC 3339 time; None as `instant` does."""
    found = instant(text)
    return None if found is None else nanoseconds_of(found)


def nanoseconds_of(read: Instant) -> int:
    """Return the nanoseconds since the epoch of what `instant` read."""
    when, _, text = read
    # `datetime` ends at microseconds, so the fraction is read from the text. Of a `timedelta`, only
    # the days can be negative.
    passed = when - _EPOCH
    fraction = text[20:29] if text[19] == "." else ""
    if not fraction.isdecimal():
        fraction = _NO_DIGIT.split(fraction)[0]
    return (passed.days * 86_400 + passed.seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def elapsed_ms(start: Instant, end: Instant) -> int:
    """Return the milliseconds from one time to another, rounded down; negative when reversed."""
    if start[2] == end[2]:
        return 0
    passed = end[0] - start[0]
    whole, rest = divmod(passed.microseconds, 1000)
    if rest or (len(start[2]) <= _SIX_DIGITS and len(end[2]) <= _SIX_DIGITS):
        return passed.days * 86_400_000 + passed.seconds * 1000 + whole
    # On the border the digits behind the microseconds decide.
    return (nanoseconds_of(end) - nanoseconds_of(start)) // 1_000_000


def rfc3339(ns: int) -> str:
    """Return nanoseconds since the epoch as RFC 3339 in UTC with nine digits; nothing is lost."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]}.{fraction:09d}Z"


def _any_instant(text: str) -> Instant | None:
    """Read what the fast path of `instant` leaves: no fraction, offsets, lower case, a space."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, offset = found.groups()
    digits = (fraction or "")[:6].ljust(6, "0")
    try:
        sent = datetime.fromisoformat(f"{day}T{clock}.{digits}{offset.upper()}")
        when = sent.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if when.year == 1:
        return None
    return when, f"{when.isoformat()[:19]}.{digits[:3]}Z", text
