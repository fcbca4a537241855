"""Whatever stands behind the question mark, it is answered or refused; nothing breaks."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus, unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_ACTIVITIES_PARAMETERS, TASK_PARAMETERS
from tests.oracle.questions import ODD, query_string, questions
from tests.oracle.truth import Item
from tests.oracle.worlds import World, world

pytestmark = pytest.mark.machine

TABLES = (TASK_PARAMETERS, ACTIVITY_PARAMETERS, TASK_ACTIVITIES_PARAMETERS)
KNOWN = {name: each for table in TABLES for name, each in table.by_name.items()}
ANSWERS = {200, 400, 404, 409, 414}
# Words that the platform may have tomorrow go out as sent, and it refuses those that it lacks.
REFUSED = {502, 503}
PASSED_ON = re.compile("state|result|priority|cursor")
MARKS = ("", "&", "=", "%", "%2", "%00", "%ff", "%ED%A0%80", "+", ",", "\\,", ";", "#", "?", "[]")
NUMBERS = ("0", "-1", "1e9", "9" * 10, "9" * 13, "9" * 19, "9" * 5000, "٣", "²", "0x10", "1_000")
TIMES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0002-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z", "2026-11-23T10:00:60Z", "2026-11-23", "now",
    "2026-11-23T10:00:00 02:00", "2026-11-23t10:00:00z", "36500d", "36501d", "999999999w", "00000s",
    "1969-12-31T23:59:59.999999999Z", "1677-09-21T00:12:43Z", "2262-04-11T23:47:17Z",
)  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    """A gateway over two accounts whose ids are the same."""
    with world({"au1": 5, "eu2": 5}, history_days=1) as made:
        yield made


def strings(items: Sequence[Item], cursors: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Draw query strings: right ones, nearly right ones, and noise."""
    right: st.SearchStrategy[str] = questions(items[0].noun, items, ["au1", "eu2"]).map(
        query_string
    )
    name = st.sampled_from(sorted(KNOWN)) | st.text(max_size=8)
    known = st.sampled_from([each.example for each in KNOWN.values()])
    noise = st.text(max_size=12) | st.text("~09azT_.:,()%+\\-' ", max_size=30)
    cursor = st.builds(
        patched, st.sampled_from(cursors), st.integers(0, 400), st.text("-_aZ0=", max_size=2)
    )
    value = known | noise | cursor | st.sampled_from((*ODD, *NUMBERS, *TIMES))
    pair = st.builds("{}={}".format, name.map(quoted), value.map(quoted) | noise)
    nearly = st.lists(pair | right, min_size=1, max_size=5).map("&".join)
    damaged = st.builds(
        patched, nearly, st.integers(0, 200), st.sampled_from(MARKS), st.integers(0, 3)
    )
    text = (right | nearly | damaged | damaged).map(lambda drawn: drawn.encode("utf-8", "replace"))
    return text | st.binary(max_size=80)


def patched(text: str, at: int, patch: str, gone: int | None = None) -> str:
    """Put `patch` into a text, by default over as many characters."""
    return text[:at] + patch + text[at + (len(patch) if gone is None else gone) :]


def quoted(text: str) -> str:
    """Encode a text as a form does; what can't be encoded becomes a question mark."""
    return quote_plus(text, errors="replace")


def targets(item: Item) -> list[str]:
    """Return every path that takes a query."""
    one = f"/v1/{item.noun}/{item.id}"
    return [f"/v1/{item.noun}"] * 6 + [one, f"{one}/activities", "/v1/tasks/1", "/v1/accounts"]


@pytest.mark.parametrize("noun", ["tasks", "activities"])
def test_any_string(served: World, pytestconfig: pytest.Config, noun: str) -> None:
    """A query string is answered, or refused with the caller's mistake: never a 500.

    A 502 or, of all accounts, a 503 says that the platform refused what we sent; only a word of its
    own may cause that.
    """
    items = served.items("tasks" if noun == "tasks" else "activities")
    cursors = [
        served.get(f"/v1/{noun}?limit=1&{filters}").json()["page"]["next_cursor"]
        for filters in ("", "created_after=24h", "sort=started_at&status=failed,succeeded")
    ]
    asked: set[bytes] = set()

    @settings(
        max_examples=pytestconfig.getoption("--strings") // 2,
        deadline=None,
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(targets(items[40])), strings(items, cursors))
    def holds(path: str, query: bytes) -> None:
        asked.add(query)
        status = served.status(path, query)
        assert status in ANSWERS or (status in REFUSED and PASSED_ON.search(unquote(query))), status

    holds()
    assert len(asked) > 100
