"""The query as a value: equality, hash, and what is known of its answers."""

import pytest

from app.domain.parameters import TASK_PARAMETERS
from app.domain.parsing import parse
from app.domain.query import ActivityQuery, Age, Position, TaskQuery, Window


def asked(**given: str) -> TaskQuery:
    """Return the query of a query string."""
    return parse(list(given.items()), TASK_PARAMETERS).query


def test_defaults_hash_equal() -> None:
    """A default that is written out is the same key as one that is left out."""
    written = TaskQuery(
        accounts=(), sort="created_at", descending=True, limit=100, partial=True, position=None
    )

    assert written == TaskQuery()
    assert hash(written) == hash(TaskQuery())
    assert len({written, TaskQuery(), TaskQuery(statuses=())}) == 2


def test_nouns_never_mix() -> None:
    """The same question about tasks and about activities is two keys."""
    assert ActivityQuery() != TaskQuery()
    assert len({ActivityQuery(), TaskQuery()}) == 2


def test_age_is_no_instant() -> None:
    """An age and an instant of the same number are two questions."""
    assert Window(after=Age(5)) != Window(after=5)
    assert Window(after=5) != Window(before=5)


def test_agrees() -> None:
    """Beside a cursor only what is repeated is compared, each parameter with what it asked."""
    query = asked(status="failed", created_after="7d")
    later = TaskQuery(
        statuses=query.statuses,
        windows=query.windows,
        limit=7,
        anchor_ns=1,
        position=Position(1, 2, "eu2"),
    )

    assert query.agrees(later, {"status", "created_after"})
    assert query.agrees(later, {"tenant_scope"})
    assert asked(status="failed").agrees(later, {"status"})
    assert not asked(created_after="8d").agrees(later, {"created_after"})
    assert not asked(sort="created_at").agrees(later, {"sort"})
    assert not asked(type="a").agrees(later, {"type"})


@pytest.mark.parametrize("name", [*TASK_PARAMETERS.by_name])
def test_agrees_with_itself(name: str) -> None:
    """Every parameter can be repeated, also `started_by`, which is no bound of `started_at`."""
    query = TaskQuery(filters=(("started_by", ("a",)),))

    assert query.agrees(query, {name} - {"limit", "cursor", "partial"})
    assert not query.agrees(TaskQuery(), {"started_by"})


BOTH = {"status": "failed,running", "status_group": "failure"}


@pytest.mark.parametrize(
    ("walked", "beside", "agrees"),
    [
        pytest.param({"status_group": "failure"}, {"status": "failed"}, False, id="one of a group"),
        pytest.param(
            {"status_group": "failure"},
            {"status": "timed_out,failed,abandoned"},
            True,
            id="the group's statuses",
        ),
        pytest.param({"status_group": "canceled"}, {"status": "canceled"}, True, id="its only one"),
        pytest.param(BOTH, BOTH, True, id="both"),
        pytest.param(BOTH, {"status": "running,failed"}, True, id="first of both"),
        pytest.param(BOTH, {"status_group": "failure"}, True, id="second of both"),
        pytest.param(BOTH, {"status": "failed"}, False, id="what both leave"),
        pytest.param({"status": "failed"}, BOTH, False, id="both beside one"),
        pytest.param(
            {"status": "failed", "status_group": "failure"},
            {"status": "running,failed", "status_group": "failure"},
            False,
            id="other ways to the same",
        ),
    ],
)
def test_status_agrees(walked: dict[str, str], beside: dict[str, str], *, agrees: bool) -> None:
    """`status` and `status_group` each say which statuses they ask for, and must say the same."""
    assert asked(**beside).agrees(asked(**walked), beside) == agrees


@pytest.mark.parametrize("name", ["fields", "include"])
def test_shape_agrees(name: str) -> None:
    """Of `fields` and `include` either may be repeated without the other."""
    given = {"fields": "status", "include": "raw"}
    walked = asked(**given)

    assert asked(**{name: given[name]}).agrees(walked, {name})
    assert not asked(**{name: given[name]}).agrees(walked, {"fields", "include"})
    assert not asked(fields="type", include="activities").agrees(walked, {name})


def test_lookups() -> None:
    """Filters are found by name; those that were not asked are empty, windows unbounded."""
    query = asked(type="b,a", created_after="1h")

    assert (query.values("type"), query.values("state")) == (("a", "b"), ())
    assert query.window("created_at") == Window(after=Age(3_600))
    assert query.window("started_at") == Window()


@pytest.mark.parametrize(
    ("given", "finished"),
    [
        pytest.param({}, False, id="all"),
        pytest.param({"status": "failed,succeeded,warning"}, True, id="finished statuses"),
        pytest.param({"status_group": "failure,success,canceled"}, True, id="finished groups"),
        pytest.param({"status": "failed,running"}, False, id="mixture"),
        pytest.param({"status": "canceling"}, False, id="canceling"),
        pytest.param({"status": "unknown"}, False, id="unknown may be a new state"),
        pytest.param({"status": "failed", "status_group": "active"}, True, id="nothing"),
        pytest.param({"state": "COMPLETED"}, True, id="state"),
        pytest.param({"state": "completed,started"}, False, id="states"),
        pytest.param({"result": "brand_new"}, True, id="result"),
        pytest.param({"completed_after": "1h"}, True, id="completed window"),
        pytest.param({"completed_before": "1h"}, True, id="completed before"),
        pytest.param({"started_after": "1h"}, False, id="started window"),
        pytest.param({"sort": "completed_at"}, True, id="sorted by completion"),
        pytest.param({"sort": "-updated_at"}, False, id="sorted by change"),
        pytest.param({"status": "running", "result": "ok"}, True, id="no result while running"),
    ],
)
def test_only_finished(given: dict[str, str], *, finished: bool) -> None:
    """A query is called finished only when every task that can match is."""
    assert asked(**given).only_finished is finished


def test_position_order() -> None:
    """Places go by key, number, account; an unreadable item stands beside the one before it."""
    places = [
        Position(1, 9, "z"),
        Position(2, 1, "b"),
        Position(2, 2, "a", -1),
        Position(2, 2, "a"),
        Position(2, 2, "a", 1),
        Position(2, 2, "b"),
    ]

    assert places == sorted(set(places))
