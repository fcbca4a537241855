"""Request directives: what a caller may ask of an answer's freshness."""

from collections.abc import Mapping
from math import inf
from typing import Any

import pytest

from app.api.directives import read_wish
from app.domain.faults import Faults
from app.domain.twins import SECONDS_MAX, peel
from app.errors import InvalidValueError
from app.service.encode import USUAL, Wanted


def _wish(text: str = "", timeout_ms: str = "", **twins: Any) -> Wanted:
    return read_wish(text, timeout_ms, twins, deadline_s=90.0)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("max-age=5", Wanted(max_age_s=5)),
        ('Max-Age="5"', Wanted(max_age_s=5)),
        ("max-age=0", Wanted(max_age_s=1)),
        ("max-age", Wanted(max_age_s=1)),
        ("max-age=soon", Wanted(max_age_s=1)),
        ("max-age=-1", Wanted(max_age_s=1)),
        ("max-age=7, max-age=1", Wanted(max_age_s=7)),
        ("max-age=99999999999999999999", Wanted(max_age_s=SECONDS_MAX)),
        ("no-cache", Wanted(no_cache=True)),
        ("only-if-cached", Wanted(only_if_cached=True)),
        ("max-stale", Wanted(max_stale_s=inf)),
        ("max-stale=60", Wanted(max_stale_s=60)),
        ("max-stale=long", Wanted()),
        ("stale-if-error=0", Wanted(stale_if_error_s=0)),
        ("stale-if-error", Wanted()),
        ('no-store, no-transform, x=",max-age=1"', Wanted(no_store=True)),
    ],
    ids=str,
)  # fmt: skip
def test_header(text: str, wish: Wanted) -> None:
    """Each directive of the contract is read; unknown ones and broken ones give no consent."""
    assert _wish(text) == wish


@pytest.mark.parametrize(
    ("text", "twins", "wish"),
    [
        ("max-age=5", {"max_age": 9}, Wanted(max_age_s=9)),
        ("no-cache", {"max_age": 9}, Wanted(max_age_s=9)),
        ("max-age=5", {"max_age": 0}, Wanted(no_cache=True)),
        ("only-if-cached", {"cached_only": False}, Wanted()),
        ("max-stale", {"max_stale": 3}, Wanted(max_stale_s=3)),
    ],
    ids=["age", "over no-cache", "now", "cached", "stale"],
)
def test_twin_wins(text: str, twins: Mapping[str, Any], wish: Wanted) -> None:
    """A twin wins over the directives of its row; 0 seconds are `no-cache`."""
    assert _wish(text, **twins) == wish


def test_nothing_asked() -> None:
    """Who asks nothing gets the one object that the hit path knows."""
    assert _wish() is USUAL


@pytest.mark.parametrize(("text", "wait_s"), [("250", 0.25), ("1000000", 90.0)], ids=str)
def test_timeout(text: str, wait_s: float) -> None:
    """A caller's time is milliseconds, and never more than the deadline."""
    assert _wish(timeout_ms=text).wait_s == wait_s


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon", "9" * 13], ids=str)
def test_bad_timeout(text: str) -> None:
    """A time that is none is refused, and what is allowed is said."""
    with pytest.raises(InvalidValueError) as refused:
        _wish(timeout_ms=text)

    assert refused.value.faults[0].allowed == "whole milliseconds from 1 to 90000"


def test_peel() -> None:
    """Twins are taken out of the question, in any place and any case of their words."""
    pairs = [("max_age", "5"), ("limit", "1"), ("cached_only", "TRUE"), ("max_age", "5")]

    assert peel(pairs, Faults()) == ({"max_age": 5, "cached_only": True}, [("limit", "1")])


@pytest.mark.parametrize(
    "pairs",
    [
        [("max_age", "-1")],
        [("max_age", "")],
        [("max_age", "2147483648")],
        [("max_stale", "x")],
        [("cached_only", "yes")],
        [("max_age", "1"), ("max_age", "2")],
    ],
    ids=str,
)
def test_bad_twin(pairs: list[tuple[str, str]]) -> None:
    """A twin with a value that is not allowed is refused by name."""
    faults = Faults()
    peel(pairs, faults)
    with pytest.raises(InvalidValueError) as refused:
        faults.settle()

    assert refused.value.faults[0].parameter == pairs[0][0]
