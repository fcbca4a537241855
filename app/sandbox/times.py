"""Times in nanoseconds: every form a filter may use (P§5.4) and the one an answer uses."""

import re
from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS

ZERO_NS = -62_135_596_800 * SECOND_NS  # how Go stores a time that has not come: in the year 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]+")
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_ZONE = re.compile(r"[A-Z]{3,4}")
_FORMS = (
    "UNIX-TIMESTAMP-NANO, UNIX-TIMESTAMP, RFC3339, RFC1123, RFC850, ANSI-C"  # the guide's order
)


def integer(text: str) -> int:
    """Read a decimal int64 as Go's `strconv.ParseInt` does.

    Raises:
        ValueError: with the text of Go's refusal.
    """
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    number = int(text)
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number


def nanoseconds(text: str) -> int:
    """Read any accepted form of a time as nanoseconds since the epoch.

    Raises:
        ValueError: with the platform's text.
    """
    if not text:
        raise ValueError("empty time value")
    if text.endswith("ns"):
        if not _INTEGER.fullmatch(text[:-2]):
            raise ValueError("incorrect UNIX-TIMESTAMP-NANO format")
        return int(text[:-2])
    if _INTEGER.fullmatch(text):
        return int(text) * SECOND_NS
    try:
        return _rfc3339(text)
    except ValueError:
        pass
    for zone, form in (
        (True, "%a, %d %b %Y %H:%M:%S"),
        (True, "%A, %d-%b-%y %H:%M:%S"),
        (False, "%a %b %d %H:%M:%S %Y"),
    ):
        try:
            return _named(text, form, zone=zone)
        except ValueError:
            continue
    raise ValueError(f"incorrect time format, must be one of ({_FORMS})")


def text_of(at_ns: int) -> str:
    """Print a time as RFC 3339 in UTC, trailing zeros of the fraction dropped (P§10.4)."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    whole = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]  # strftime takes twice as long
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{whole}{fraction}Z"


def duration_of(span_ns: int) -> str:
    """Print a span in Go's style, whole seconds: `29m51s`, `1h0m0s`, `0s`."""
    minutes, seconds = divmod(span_ns // SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _rfc3339(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    whole, fraction, sign, hours, minutes = match.groups()
    seconds = _seconds(datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC))
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += -offset if sign == "+" else offset
    return seconds * SECOND_NS + int((fraction or "0")[:9].ljust(9, "0"))


def _named(text: str, form: str, *, zone: bool) -> int:
    if zone:
        text, _, abbreviation = text.rpartition(" ")
        if not _ZONE.fullmatch(abbreviation):
            raise ValueError(text)
    return _seconds(datetime.strptime(text, form).replace(tzinfo=UTC)) * SECOND_NS


def _seconds(moment: datetime) -> int:
    # Through timedelta: `timestamp()` is a float, harmless here, but floats have no place in times.
    span = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return span.days * 86_400 + span.seconds
