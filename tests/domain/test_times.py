"""Times: any number of digits in, nanoseconds and milliseconds out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import elapsed_ms, instant, milliseconds, nanoseconds, rfc3339


@pytest.mark.parametrize(
    ("sent", "ns", "text"),
    [
        pytest.param(
            "2020-04-22T11:34:03.290396913Z",
            1587555243290396913,
            "2020-04-22T11:34:03.290Z",
            id="nine digits",
        ),
        pytest.param(
            "2025-10-10T17:09:33.40794126Z",
            1760116173407941260,
            "2025-10-10T17:09:33.407Z",
            id="eight digits",
        ),
        pytest.param(
            "2020-04-22T11:34:03.2Z",
            1587555243200000000,
            "2020-04-22T11:34:03.200Z",
            id="one digit",
        ),
        pytest.param(
            "2020-04-22T11:34:03Z", 1587555243000000000, "2020-04-22T11:34:03.000Z", id="no digits"
        ),
        pytest.param(
            "2020-04-22T13:34:03.2904+02:00",
            1587555243290400000,
            "2020-04-22T11:34:03.290Z",
            id="offset",
        ),
        pytest.param(
            "2020-04-22T11:34:03+00:00",
            1587555243000000000,
            "2020-04-22T11:34:03.000Z",
            id="offset without digits",
        ),
        pytest.param(
            "2020-04-22 11:34:03.29z", 1587555243290000000, "2020-04-22T11:34:03.290Z", id="loose"
        ),
        pytest.param(
            "2020-04-22T11:34:03.2999999999Z",
            1587555243299999999,
            "2020-04-22T11:34:03.299Z",
            id="cut, not rounded",
        ),
        pytest.param(
            "1969-12-31T23:59:59.5Z", -500000000, "1969-12-31T23:59:59.500Z", id="before the epoch"
        ),
    ],
)
def test_readable(sent: str, ns: int, text: str) -> None:
    """RFC 3339 is read to the nanosecond and written truncated to three digits."""
    assert nanoseconds(sent) == ns
    assert milliseconds(sent) == text


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="word"),
        pytest.param("2020-04-22T11:34:03.29", id="no offset"),
        pytest.param("2020-04-22", id="day"),
        pytest.param("2020-W17-3T11:34:03.29Z", id="week"),
        pytest.param("2020-02-30T11:34:03.29Z", id="no such day"),
        pytest.param("2020-02-30T11:34:03Z", id="no such day, no digits"),
        pytest.param("2020-04-22T25:34:03+00:00", id="no such hour"),
        pytest.param("9999-12-31T23:59:59-01:00", id="beyond the calendar"),
        pytest.param("0001-01-01T00:00:00Z", id="year 1"),
        pytest.param("0001-01-01T00:00:00.5Z", id="year 1 with digits"),
    ],
)
def test_unreadable(sent: str) -> None:
    """What is no RFC 3339 time, or the year 1, is no time."""
    assert nanoseconds(sent) is None
    assert milliseconds(sent) is None


@pytest.mark.parametrize(
    ("start", "end", "elapsed"),
    [
        pytest.param("2022-02-21T01:00:00.4Z", "2022-02-21T01:47:12.9Z", 2832500, id="minutes"),
        pytest.param("2022-02-21T01:00:00.4Z", "2022-02-21T01:00:00.4Z", 0, id="equal"),
        pytest.param("2022-02-21T01:00:00.4Z", "2022-02-21T01:00:00.3Z", -100, id="reversed"),
        pytest.param(
            "2022-02-21T01:00:00.000001999Z", "2022-02-21T01:00:00.001001Z", 0, id="just below"
        ),
        pytest.param(
            "2022-02-21T01:00:00.000001Z", "2022-02-21T01:00:00.001001Z", 1, id="on the border"
        ),
    ],
)
def test_elapsed(start: str, end: str, elapsed: int) -> None:
    """A duration is exact to the nanosecond before it is rounded down to milliseconds."""
    first, last = instant(start), instant(end)

    assert first is not None
    assert last is not None
    assert elapsed_ms(first, last) == elapsed


@given(st.integers(min_value=-(10**18), max_value=10**19))
def test_nanoseconds_come_back(ns: int) -> None:
    """What `rfc3339` writes, `nanoseconds` reads, digit for digit."""
    assert nanoseconds(rfc3339(ns)) == ns


@given(
    st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\w{0,10})?(Z|\+\d\d:\d\d)?", fullmatch=True)
)
def test_near_times(text: str) -> None:
    """Whatever looks like a time is read or refused, never an accident."""
    assert (nanoseconds(text) is None) == (milliseconds(text) is None)
