"""What of a query the platform is asked, what is checked here, and where a walk ends."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bounds import Params
from app.domain.filters import KnownTenants
from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_PARAMETERS
from app.domain.parsing import parse
from app.domain.plan import Plan, make_plan
from app.domain.query import Position, TaskQuery
from app.domain.reading import Reading
from app.domain.status import FINISHED, GROUPS, STATUSES, UNFINISHED, status_of
from app.platform.normalise import read_page

NS = 1_000_000_000
NOW = 1_795_428_007 * NS  # 2026-11-23T10:00:07Z
DAY = "2026-11-23T00:00:00.000000000Z"
NOON = "2026-11-23T12:00:00.000000000Z"
CODES = sorted(FINISHED)
STATES = sorted(UNFINISHED)


def asked(**given: str) -> TaskQuery:
    """Return the query of a query string."""
    return parse(list(given.items()), TASK_PARAMETERS).query


def plan_of(query: TaskQuery) -> Plan | None:
    """Return the plan of a query, None when nothing can match."""
    return make_plan(query, "eu2", now_ns=NOW, step_s=10, tenants=KnownTenants())


def planned(query: TaskQuery) -> Plan:
    """Return the plan of a query that something can match."""
    plan = plan_of(query)
    assert plan is not None
    return plan


def pushed(plan: Plan, *names: str) -> Params:
    """Return the parameters of some names that go to the platform."""
    return tuple(pair for pair in plan.params if pair[0] in names)


def reading(**sent: Any) -> Reading:
    """Return the reading of an item as the platform sends it."""
    body = msgspec.json.encode({"items": [{"id": 7, **sent}], "paging": {"cursors": {}}})
    (found,), _ = read_page(body, "eu2")
    return found


def states(*values: str) -> Params:
    """Return conditions on the state."""
    return tuple(("state", value) for value in sorted(values))


def codes(*values: str) -> Params:
    """Return the conditions of finished tasks with these results."""
    return tuple(("resultCode", value) for value in sorted(values)) + states("completed")


@pytest.mark.parametrize(
    ("given", "params", "checked"),
    [
        pytest.param({}, (), False, id="all"),
        pytest.param({"status": "queued"}, states("assigned", "enqueued"), True, id="queued"),
        pytest.param({"status": "running"}, states("started"), True, id="running"),
        pytest.param({"status": "paused"}, states("paused"), True, id="paused"),
        pytest.param({"status": "canceling"}, states(*STATES), True, id="canceling"),
        pytest.param({"status": "succeeded"}, codes("ok"), False, id="succeeded"),
        pytest.param({"status": "warning"}, codes("warning"), False, id="warning"),
        pytest.param({"status": "failed"}, codes("error"), False, id="failed"),
        pytest.param({"status": "timed_out"}, codes("timedout"), False, id="timed_out"),
        pytest.param({"status": "abandoned"}, codes("abandoned"), False, id="abandoned"),
        pytest.param({"status": "canceled"}, codes("cancelled"), False, id="canceled"),
        pytest.param({"status": "unknown"}, (), True, id="unknown"),
        pytest.param(
            {"status_group": "pending"}, states("assigned", "enqueued"), True, id="pending"
        ),
        pytest.param({"status_group": "active"}, states(*STATES), True, id="active"),
        pytest.param(
            {"status_group": "pending,active"}, states(*STATES), False, id="all unfinished"
        ),
        pytest.param({"status_group": "success"}, codes("ok", "warning"), False, id="success"),
        pytest.param(
            {"status_group": "failure"},
            codes("abandoned", "error", "timedout"),
            False,
            id="failure",
        ),
        pytest.param(
            {"status_group": "success,failure,canceled"}, codes(*CODES), False, id="all finished"
        ),
        pytest.param(
            {"status": "running,failed"}, states("completed", "started"), True, id="mixture"
        ),
        pytest.param({"status": "failed,unknown"}, (), True, id="with unknown"),
        pytest.param(
            {"status": ",".join({*STATUSES} - {"unknown"})},
            states("completed", *STATES),
            True,
            id="all but unknown",
        ),
        pytest.param({"state": "new"}, states("new"), False, id="new state"),
        pytest.param({"result": "error"}, (("resultCode", "error"),), False, id="result"),
        pytest.param(
            {"status": "canceling", "state": "paused,completed"},
            states("paused"),
            True,
            id="status within states",
        ),
        pytest.param(
            {"status_group": "failure", "result": "error,ok"},
            codes("error"),
            False,
            id="group within results",
        ),
    ],
)
def test_status_push_down(given: dict[str, str], params: Params, *, checked: bool) -> None:
    """A status goes out as state and result code where that is exact; the rest is checked here."""
    plan = planned(asked(**given))

    assert pushed(plan, "state", "resultCode") == params
    assert (plan.keep is not None) is checked


@pytest.mark.parametrize(
    ("given", "params", "checked"),
    [
        pytest.param({"status": "running"}, states("started"), False, id="running"),
        pytest.param({"status_group": "active"}, states("paused", "started"), False, id="active"),
        pytest.param({"status": "failed"}, codes("error"), False, id="failed"),
        pytest.param(
            {"status": "running,failed"}, states("completed", "started"), True, id="mixture"
        ),
    ],
)
def test_status_of_activities(given: dict[str, str], params: Params, *, checked: bool) -> None:
    """Nobody asks an activity to cancel, so its unfinished statuses are states and exact."""
    plan = planned(parse(list(given.items()), ACTIVITY_PARAMETERS).query)

    assert pushed(plan, "state", "resultCode") == params
    assert (plan.keep is not None) is checked


def test_times_of_activities() -> None:
    """An activity is created, where a task is enqueued (P§10.2)."""
    query = parse([("created_after", DAY)], ACTIVITY_PARAMETERS).query

    assert planned(query).params == (
        ("createdAt", f"ge({DAY})"),
        ("order", "desc(createdAt)"),
        ("order", "desc(id)"),
    )


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"status": "failed", "state": "started"}, id="finished and a state"),
        pytest.param({"status": "running", "state": "completed"}, id="running and completed"),
        pytest.param({"status": "failed", "state": "new"}, id="a new state"),
        pytest.param({"status": "failed", "result": "ok"}, id="status and result"),
        pytest.param({"status": "failed", "status_group": "success"}, id="status and group"),
        pytest.param(
            {"created_after": "1h", "created_before": "2020-01-01T00:00:00Z"}, id="window by now"
        ),
        pytest.param(
            {"started_after": "2026-11-23T10:00:00Z", "started_before": "0s", "sort": "created_at"},
            id="window that ends at this step",
        ),
    ],
)
def test_contradiction(given: dict[str, str]) -> None:
    """Where no task can match, the platform is not asked."""
    assert plan_of(asked(**given)) is None


_WORDS = st.sampled_from([*CODES, "new"])
_STATES = st.sampled_from([*STATES, "completed", "new"])
_QUERIES = st.builds(
    TaskQuery,
    statuses=st.none() | st.sets(st.sampled_from(STATUSES), min_size=1).map(tuple),
    filters=st.fixed_dictionaries(
        {},
        optional={
            "result": st.sets(_WORDS, min_size=1, max_size=3).map(tuple),
            "state": st.sets(_STATES, min_size=1, max_size=3).map(tuple),
        },
    ).map(lambda found: tuple(found.items())),
)
# Every combination there is: small enough to be looked at whole for each query.
_TASKS = [
    (state, code, cancel)
    for state in (*STATES, "completed", "new")
    for code in (*CODES, "new", None)
    for cancel in (False, True)
]
_READINGS = [
    reading(state=state, cancelRequested=cancel, **({"result": {"code": code}} if code else {}))
    for state, code, cancel in _TASKS
]


def selected(plan: Plan | None) -> list[tuple[str, str | None, bool]]:
    """Return the tasks that a platform gives for the plan and that are kept here."""
    if plan is None:
        return []
    sent = {name: {value for each, value in plan.params if each == name} for name, _ in plan.params}
    return [
        task
        for task, found in zip(_TASKS, _READINGS, strict=True)
        if task[0] in sent.get("state", {task[0]})
        and task[1] in sent.get("resultCode", {task[1]})
        and (plan.keep is None or plan.keep(found))
    ]


@given(_QUERIES)
def test_exact(query: TaskQuery) -> None:
    """What goes out and what is checked here select exactly the tasks that were asked for."""
    wanted = [
        (state, code, cancel)
        for state, code, cancel in _TASKS
        if query.statuses is None
        or status_of(state, code, cancel_requested=cancel).status in query.statuses
        if state in (query.values("state") or (state,))
        and code in (query.values("result") or (code,))
    ]

    assert selected(plan_of(query)) == wanted


@pytest.mark.parametrize("group", GROUPS)
def test_group_is_its_statuses(group: str) -> None:
    """A group selects what its statuses select one by one."""
    one_by_one = {
        task for status in GROUPS[group] for task in selected(planned(asked(status=status)))
    }

    assert set(selected(planned(asked(status_group=group)))) == one_by_one


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-created_at", ("desc(enqueuedAt)", "desc(id)")),
        ("created_at", ("asc(enqueuedAt)", "asc(id)")),
        ("-started_at", ("desc(startedAt)", "desc(id)")),
        ("completed_at", ("asc(completedAt)", "asc(id)")),
        ("updated_at", ("asc(updatedAt)", "asc(id)")),
    ],
)
def test_order(sort: str, order: tuple[str, str]) -> None:
    """The platform sorts by the field, then by id, both in one direction: a total order (P§6)."""
    assert pushed(planned(asked(sort=sort)), "order") == tuple(("order", key) for key in order)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param({}, None, id="created is always there"),
        pytest.param({"sort": "updated_at"}, None, id="updated is always there"),
        pytest.param({"sort": "-started_at"}, "gt(1970-01-01T00:00:00Z)", id="started may lack"),
        pytest.param({"sort": "completed_at"}, "gt(1970-01-01T00:00:00Z)", id="completed may lack"),
        pytest.param({"sort": "completed_at", "id": "7"}, None, id="a batch is read whole"),
        pytest.param({"created_after": DAY}, f"ge({DAY})", id="after, newest first"),
        pytest.param({"created_before": NOON}, f"lt({NOON})", id="before, newest first"),
        pytest.param(
            {"created_after": DAY, "created_before": NOON}, f"lt({NOON})", id="both, newest first"
        ),
        pytest.param(
            {"created_after": DAY, "created_before": NOON, "sort": "created_at"},
            f"ge({DAY})",
            id="both, oldest first",
        ),
        pytest.param(
            {"created_before": NOON, "sort": "created_at"}, f"lt({NOON})", id="before, oldest first"
        ),
        pytest.param(
            {"started_after": DAY, "sort": "-started_at"}, f"ge({DAY})", id="a bound is enough"
        ),
        pytest.param({"created_after": "1m"}, "ge(2026-11-23T09:59:00.000000000Z)", id="age"),
    ],
)
def test_bound_of_sort(given: dict[str, str], sent: str | None) -> None:
    """The sort field carries one bound, where the walk begins (P§5.3); absent times stay out."""
    query = asked(**given)
    names = {"created_at": "enqueuedAt", "started_at": "startedAt", "completed_at": "completedAt"}
    name = names.get(query.sort, "updatedAt")

    assert pushed(planned(query), name) == (((name, sent),) if sent else ())


@pytest.mark.parametrize(
    ("given", "sent", "kept"),
    [
        pytest.param({"updated_after": DAY}, f"ge({DAY})", None, id="after"),
        pytest.param({"updated_before": NOON}, f"lt({NOON})", None, id="before"),
        pytest.param(
            {"updated_after": DAY, "updated_before": NOON},
            f"ge({DAY})",
            [True, False, False],
            id="both",
        ),
    ],
)
def test_bound_of_another_field(given: dict[str, str], sent: str, kept: list[bool] | None) -> None:
    """Another field carries one bound too; of two, the later end is cut here, absent times too."""
    plan = planned(asked(**given))
    items = [
        reading(updatedAt="2026-11-23T11:59:59.999999999Z"),
        reading(updatedAt=NOON),
        reading(),
    ]

    assert pushed(plan, "updatedAt") == (("updatedAt", sent),)
    assert (plan.keep and [plan.keep(item) for item in items]) == kept


def test_checks_are_anded() -> None:
    """A status and a bound that are both checked here must both hold."""
    plan = planned(asked(status="running", started_after=DAY, started_before=NOON))
    early, late = "2026-11-23T08:00:00Z", "2026-11-23T13:00:00Z"

    assert plan.keep is not None
    assert plan.keep(reading(state="started", startedAt=early))
    assert not plan.keep(reading(state="started", startedAt=late))
    assert not plan.keep(reading(state="started", startedAt=early, cancelRequested=True))


PLACE = Position(1_795_428_000 * NS + 123_456_789, 50, "eu2")
WALKS = [pytest.param("-created_at", id="newest first"), pytest.param("created_at", id="oldest")]


@pytest.mark.parametrize(
    ("sort", "sent"),
    [
        ("-created_at", "le(2026-11-23T10:00:00.123456789Z)"),
        ("created_at", "ge(2026-11-23T10:00:00.123456789Z)"),
    ],
)
def test_place_goes_out(sort: str, sent: str) -> None:
    """A walk goes on at its place, itself included for ties, to the nanosecond."""
    query = asked(sort=sort, created_after=DAY, created_before=NOON)
    plan = planned(msgspec.structs.replace(query, position=PLACE))

    assert pushed(plan, "enqueuedAt") == (("enqueuedAt", sent),)


def test_place_of_a_batch_stays() -> None:
    """A batch is read whole on every page, so that its missing ids are always known."""
    plan = planned(msgspec.structs.replace(asked(id="7"), position=PLACE))

    assert (pushed(plan, "enqueuedAt"), plan.position) == ((), PLACE)


@pytest.mark.parametrize(
    ("other", "descending"),
    [
        pytest.param({"key_ns": PLACE.key_ns - 1}, True, id="older"),
        pytest.param({"number": 49}, True, id="tie, smaller id"),
        pytest.param({"account": "eu1"}, True, id="tie, earlier account"),
        pytest.param({"after": -1}, True, id="unreadable behind it, newest first"),
        pytest.param({"key_ns": PLACE.key_ns + 1}, False, id="newer"),
        pytest.param({"number": 51}, False, id="tie, larger id"),
        pytest.param({"account": "eu3"}, False, id="tie, later account"),
        pytest.param({"after": 1}, False, id="unreadable behind it, oldest first"),
    ],
)
def test_what_lies_ahead(other: dict[str, Any], *, descending: bool) -> None:
    """A place that comes behind the walk's own was not passed; in the other direction it was."""
    place = msgspec.structs.replace(PLACE, **other)
    base = msgspec.structs.replace(asked(), position=PLACE)
    forth = planned(msgspec.structs.replace(base, descending=descending))
    back = planned(msgspec.structs.replace(base, descending=not descending))

    assert (forth.passed(place), back.passed(place)) == (False, True)
    assert (forth.precedes(PLACE, place), back.precedes(PLACE, place)) == (True, False)


@pytest.mark.parametrize("sort", WALKS)
def test_own_place(sort: str) -> None:
    """The place itself was passed and precedes nothing; without a place nothing was passed."""
    plan = planned(msgspec.structs.replace(asked(sort=sort), position=PLACE))

    assert plan.passed(PLACE)
    assert not plan.precedes(PLACE, PLACE)
    assert not planned(asked(sort=sort)).passed(PLACE)


@pytest.mark.parametrize(
    ("given", "ended"),
    [
        pytest.param({"created_after": "1795428000"}, [True, False], id="newest first"),
        pytest.param(
            {"created_before": "1795428000", "sort": "created_at"}, [False, True], id="oldest first"
        ),
        pytest.param({"created_before": "1795428000"}, [False, False], id="near end, newest first"),
        pytest.param(
            {"created_after": "1795428000", "sort": "created_at"},
            [False, False],
            id="near end, oldest first",
        ),
    ],
)
def test_ended(given: dict[str, str], ended: list[bool]) -> None:
    """Reading ends at the first place beyond the window's far end; after is in, before is out."""
    plan = planned(asked(**given))
    bound = 1_795_428_000 * NS

    assert [plan.ended(Position(at, 1, "eu2")) for at in (bound - 1, bound)] == ended


@pytest.mark.parametrize(
    ("item", "place"),
    [
        pytest.param(
            {"startedAt": "2026-11-23T10:00:00.123456789Z"},
            Position(PLACE.key_ns, 7, "eu2"),
            id="to the nanosecond",
        ),
        pytest.param({}, None, id="no sort key"),
        pytest.param({"id": None, "startedAt": DAY}, None, id="no id"),
    ],
)
def test_place(item: dict[str, Any], place: Position | None) -> None:
    """A readable task with the sort field has a place, any other none of its own."""
    assert planned(asked(sort="started_at")).place(reading(**item), "eu2") == place


def test_tokens_go_out() -> None:
    """A type goes to the platform as it is, each value apart, in a settled order."""
    plan = planned(asked(type=r"b,a\,c", state="started"))

    assert plan.params[:3] == (("state", "started"), ("type", "a,c"), ("type", "b"))


@pytest.mark.parametrize("end", ["0002-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999999999"])
def test_extreme_bounds(end: str) -> None:
    """Bounds at the ends of time go out like any other."""
    plan = planned(asked(created_after=end, updated_before=end))

    assert [name for name, _ in plan.params] == ["enqueuedAt", "updatedAt", "order", "order"]
