"""Times in filters and answers."""

import pytest

from app.sandbox.times import duration_of, integer, nanoseconds, text_of

ELEVEN_NS = 1_587_553_200_000_000_000  # 2020-04-22T11:00:00Z


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        pytest.param("2020-04-22T11:00:00Z", ELEVEN_NS, id="rfc3339"),
        pytest.param("2020-04-22T11:00:00.290396913Z", ELEVEN_NS + 290_396_913, id="nanoseconds"),
        pytest.param("2020-04-22T11:00:00.5Z", ELEVEN_NS + 500_000_000, id="one digit"),
        pytest.param("2020-04-22T13:30:00+02:30", ELEVEN_NS, id="zone east"),
        pytest.param("2020-04-22T08:00:00-03:00", ELEVEN_NS, id="zone west"),
        pytest.param("Wed, 22 Apr 2020 11:00:00 UTC", ELEVEN_NS, id="rfc1123"),
        pytest.param("Wednesday, 22-Apr-20 11:00:00 UTC", ELEVEN_NS, id="rfc850"),
        pytest.param("Wed Apr 22 11:00:00 2020", ELEVEN_NS, id="ansi c"),
        pytest.param("1587553200", ELEVEN_NS, id="seconds"),
        pytest.param("1587553200000", ELEVEN_NS * 1000, id="milliseconds are seconds"),
        pytest.param("1587553200290396913ns", ELEVEN_NS + 290_396_913, id="suffix ns"),
    ],
)
def test_accepted_forms(text: str, expected_ns: int) -> None:
    """Every form of P§5.4 is read to the nanosecond."""
    assert nanoseconds(text) == expected_ns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "empty time value", id="empty"),
        pytest.param("12xns", "incorrect UNIX-TIMESTAMP-NANO format", id="ns"),
        pytest.param("2020-04-22", "incorrect time format, must be one of", id="date"),
        pytest.param("2020-04-22T11:00:00", "incorrect time format", id="no zone"),
        pytest.param("2020-13-22T11:00:00Z", "incorrect time format", id="no such month"),
        pytest.param("Wed, 22 Apr 2020 11:00:00 +1", "incorrect time format", id="odd zone"),
    ],
)
def test_refused_forms(text: str, message: str) -> None:
    """Anything else is refused in the platform's words."""
    with pytest.raises(ValueError, match=message):
        nanoseconds(text)


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [
        pytest.param(ELEVEN_NS, "2020-04-22T11:00:00Z", id="no fraction"),
        pytest.param(ELEVEN_NS + 1, "2020-04-22T11:00:00.000000001Z", id="nine digits"),
        pytest.param(ELEVEN_NS + 60_000_000, "2020-04-22T11:00:00.06Z", id="two digits"),
    ],
)
def test_print(at_ns: int, text: str) -> None:
    """Trailing zeros of the fraction are dropped (P§10.4)."""
    assert text_of(at_ns) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (1791, "29m51s"), (5143, "1h25m43s"), (86_400, "24h0m0s")],
)
def test_durations(seconds: int, text: str) -> None:
    """Durations are in Go's style."""
    assert duration_of(seconds * 1_000_000_000) == text


def test_integer_out_of_range() -> None:
    """An integer beyond 64 bits is refused as Go does."""
    with pytest.raises(ValueError, match="value out of range"):
        integer("9223372036854775808")
