"""Moments as callers write them, and the refusals that tell what was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.moments import AGE_MAX_S, MomentError, is_empty, read_moment, resolve
from app.domain.query import Age, Moment, Window
from app.domain.times import rfc3339

NS = 1_000_000_000
TEN = 1_795_428_000 * NS  # 2026-11-23T10:00:00Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-11-23T10:00:00Z", TEN, id="utc"),
        pytest.param("2026-11-23T12:00:00+02:00", TEN, id="east"),
        pytest.param("2026-11-23T04:30:00-05:30", TEN, id="west"),
        pytest.param("2026-11-23t10:00:00z", TEN, id="lower case"),
        pytest.param("2026-11-23 10:00:00Z", TEN, id="space"),
        pytest.param("2026-11-23T10:00:00.5Z", TEN + NS // 2, id="1 digit"),
        pytest.param("2026-11-23T10:00:00.123456789Z", TEN + 123_456_789, id="9 digits"),
        pytest.param("1795428000", TEN, id="epoch"),
        pytest.param("0", 0, id="epoch itself"),
        pytest.param("9999999999", 9_999_999_999 * NS, id="largest epoch"),
        pytest.param("90s", Age(90), id="seconds"),
        pytest.param("90m", Age(5_400), id="minutes"),
        pytest.param("24h", Age(86_400), id="hours"),
        pytest.param("1d", Age(86_400), id="days"),
        pytest.param("2w", Age(1_209_600), id="weeks"),
        pytest.param("36500d", Age(AGE_MAX_S), id="hundred years"),
    ],
)
def test_forms(text: str, moment: Moment) -> None:
    """A moment is RFC 3339 with an offset, epoch seconds, or an age."""
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("2026-11-23T10:00:00", "2026-11-23T10:00:00Z", id="seconds"),
        pytest.param("2026-11-23T10:00:00.25", "2026-11-23T10:00:00.25Z", id="fraction"),
        pytest.param("2026-11-23 10:00", "2026-11-23T10:00:00Z", id="minutes"),
        pytest.param("2026-11-23t10:00", "2026-11-23T10:00:00Z", id="lower case"),
        pytest.param("2026-11-23", "2026-11-23T00:00:00Z", id="day"),
        pytest.param("2026-02-30", None, id="no such day"),
    ],
)
def test_local_time(text: str, meant: str | None) -> None:
    """A time without an offset is refused, says why, and gets one offered."""
    with pytest.raises(MomentError, match="has no offset, so it would mean another") as refused:
        read_moment(text)

    assert refused.value.did_you_mean == meant


@pytest.mark.parametrize(
    ("text", "reason", "meant"),
    [
        pytest.param("1795428000123", "looks like milliseconds", "1795428000", id="milliseconds"),
        pytest.param("36501d", "a hundred years", "36500d", id="old"),
        pytest.param("999999999w", "a hundred years", "36500d", id="very old"),
        pytest.param(
            "2026-11-23T10:00:00 02:00",
            "write it as %2B",
            "2026-11-23T10:00:00%2B02:00",
            id="lost plus",
        ),
        pytest.param(
            "2026-11-23 10:00:00.5 02:00",
            "write it as %2B",
            "2026-11-23 10:00:00.5%2B02:00",
            id="lost plus behind a space",
        ),
    ],
)
def test_meant(text: str, reason: str, meant: str) -> None:
    """A slip that is easy to make is refused with what was probably meant."""
    with pytest.raises(MomentError, match=reason) as refused:
        read_moment(text)

    assert refused.value.did_you_mean == meant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("yesterday", id="word"),
        pytest.param("24H", id="unit in upper case"),
        pytest.param("-24h", id="negative age"),
        pytest.param("1.5h", id="fraction of an age"),
        pytest.param("٢٤h", id="arabic digits of an age"),
        pytest.param("١٧٩٥٤٢٨٠٠٠", id="arabic digits of an epoch"),
        pytest.param("٢٠٢٦-11-23", id="arabic digits of a day"),
        pytest.param("24h\n", id="line end"),
        pytest.param("-1", id="before the epoch"),
        pytest.param("1e9", id="exponent"),
        pytest.param("12345678901", id="11 digits"),
        pytest.param("2026-11-23T10:00Z", id="no seconds"),
        pytest.param("2026-11-23T10:00 02:00", id="no seconds and a lost plus"),
        pytest.param("2026-13-01T00:00:00Z", id="month 13"),
        pytest.param("0001-01-01T00:00:00Z", id="never"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before year 1"),
        pytest.param("9999-12-31T23:59:59-23:59", id="after year 9999"),
    ],
)
def test_no_moment(text: str) -> None:
    """Anything else is no time, and nothing is guessed."""
    with pytest.raises(MomentError, match=r"^is no time$") as refused:
        read_moment(text)

    assert refused.value.did_you_mean is None


_DIGITS = st.text("0123456789", min_size=1, max_size=20)
_TIMES = st.builds(
    "{:04}-{:02}-{:02}T{:02}:59:59.9999999999{}".format,
    st.sampled_from([1, 2, 1677, 1970, 2262, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 24),
    st.sampled_from(["Z", "z", "+23:59", "-23:59", " 23:59", ""]),
)


@given(_TIMES | _DIGITS | st.builds("{}{}".format, _DIGITS, st.sampled_from("smhdw")) | st.text())
def test_extremes(text: str) -> None:
    """Every text is refused by name or can be told to the platform; nothing overflows."""
    try:
        ns = resolve(read_moment(text), TEN, 10)
    except MomentError:
        return

    assert ns is not None
    assert rfc3339(ns).endswith("Z")


def test_age_is_rounded() -> None:
    """Within one step an age means one instant, never later than asked; another step, another."""
    found = [resolve(Age(60), TEN + passed, 10) for passed in (0, 10 * NS - 1, 10 * NS)]

    assert found == [TEN - 60 * NS, TEN - 60 * NS, TEN - 50 * NS]


def test_absolute_is_kept() -> None:
    """An absolute moment, or none, does not move with the clock."""
    assert [resolve(TEN + 1, 0, 10), resolve(None, 0, 10)] == [TEN + 1, None]


@pytest.mark.parametrize(
    ("window", "empty"),
    [
        pytest.param(Window(1, 2), False, id="one nanosecond"),
        pytest.param(Window(2, 2), True, id="same instant"),
        pytest.param(Window(3, 2), True, id="reversed"),
        pytest.param(Window(Age(60), Age(30)), False, id="ages"),
        pytest.param(Window(Age(30), Age(30)), True, id="same age"),
        pytest.param(Window(Age(30), Age(60)), True, id="reversed ages"),
        pytest.param(Window(Age(30), 1), False, id="an age and an instant"),
        pytest.param(Window(2, Age(30)), False, id="an instant and an age"),
        pytest.param(Window(2, None), False, id="open"),
        pytest.param(Window(), False, id="unbounded"),
    ],
)
def test_empty_window(window: Window, *, empty: bool) -> None:
    """A window is called empty only when no time of asking could fill it."""
    assert is_empty(window) is empty
