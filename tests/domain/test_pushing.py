"""Filters: what goes out and what is checked here mean together exactly what was asked."""

from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.filters import KnownTenants
from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_PARAMETERS, Table
from app.domain.parsing import parse
from app.domain.plan import Plan, make_plan
from app.domain.pushing import PUSHED_BYTES_MAX
from app.domain.reading import Item, Reading
from app.platform.activities import read_activity_page
from app.platform.normalise import read_page
from app.sandbox.fields import ACTIVITY_FIELDS, PRIORITIES, RESULTS, STATES, TASK_FIELDS
from app.sandbox.grammar import compile_filter

UUID = "38045860-8901-426e-b51f-fc6d24d1cbe0"
TEXTS = [
    "nightly",
    "nightly (full)",
    "50% off",
    "a_b",
    "axb",
    r"host\user",
    "(",
    "host user",
    ")x(",
]
IDS = [UUID, UUID.upper(), "Odd-1", "odd-1", "p(1)"]
Wire = dict[str, Any]


def planned(table: Table, account: str = "eu2", **given: str) -> Plan | None:
    """Return the plan of a query string."""
    query = parse(list(given.items()), table).query
    return make_plan(query, account, now_ns=10**18, step_s=10, tenants=KnownTenants())


def pushed(**given: str) -> tuple[list[tuple[str, str]], bool]:
    """Return what goes out beside the order, and whether anything is checked here."""
    plan = planned(TASK_PARAMETERS, **given)
    assert plan is not None
    return [pair for pair in plan.params if pair[0] != "order"], plan.keep is not None


@pytest.mark.parametrize(
    ("given", "params", "checked"),
    [
        pytest.param({"queue": "b,a"}, [("queue", "a"), ("queue", "b")], False, id="words"),
        pytest.param({"tag": "a,b(c)"}, [], True, id="brackets in a word"),
        pytest.param(
            {"resource": UUID.upper()},
            [("resourceId", UUID.upper()), ("resourceId", UUID)],
            False,
            id="id in both cases",
        ),
        pytest.param(
            {"policy": "Ab"},
            [("policyId", "AB"), ("policyId", "Ab"), ("policyId", "ab")],
            False,
            id="odd id",
        ),
        pytest.param({"priority": "below_normal"}, [("priority", "belowNormal")], False, id="prio"),
        pytest.param({"agent": "a"}, [("executorId", "a")], False, id="agent"),
        pytest.param({"workflow": "7"}, [("workflowId", "7")], False, id="workflow"),
        pytest.param({"started_by": r"H\u"}, [("startedBy", r"H\u")], False, id="text as it is"),
        pytest.param({"policy_name": "~day"}, [("policyName", "like(day)")], False, id="contains"),
        pytest.param({"policy_name": "~50%"}, [("policyName", "like(50%)")], True, id="wildcard"),
        pytest.param({"started_by": r"~H\usr"}, [("startedBy", "like(usr)")], True, id="escape"),
        pytest.param(
            {"policy_name": "N (full)"}, [("policyName", "like(full)")], True, id="brackets"
        ),
        pytest.param({"policy_name": "~( )"}, [], True, id="brackets alone"),
        pytest.param({"policy_name": "~a,~b"}, [], True, id="contains either"),
        pytest.param({"policy_name": "a,~b"}, [], True, id="equal or contains"),
        pytest.param({"policy_name": "a,b"}, [("policyName", "a"), ("policyName", "b")], False,
                     id="equal to either"),
    ],
)  # fmt: skip
def test_what_goes_out(
    given: dict[str, str], params: list[tuple[str, str]], *, checked: bool
) -> None:
    """What the platform can say goes out, as much of the rest as selects more, never less."""
    assert pushed(**given) == (params, checked)


def test_ids_of_activities_by_account() -> None:
    """An id in our form is asked of its own account alone, a bare one of all."""
    for account, numbers in (("eu2", ["7", "9"]), ("us", ["8", "9"])):
        plan = planned(ACTIVITY_PARAMETERS, account, task="eu2.7,us.8,9")

        assert plan is not None
        assert [value for name, value in plan.params if name == "taskId"] == numbers
    assert planned(ACTIVITY_PARAMETERS, parent="us.8") is None


def test_too_much_for_a_url() -> None:
    """When values are too many for a URL, the most of them are checked here, the rest go out."""
    tags = ",".join(f"{'t' * 50}{number}" for number in range(80))
    params, checked = pushed(tag=tags, queue="a")
    items = [reading({"tags": ["x", f"{'t' * 50}9"], "queue": "a"}), reading({"tags": ["x"]})]
    plan = planned(TASK_PARAMETERS, tag=tags)

    assert (params, checked) == ([("queue", "a")], True)
    assert len(tags) > PUSHED_BYTES_MAX
    assert plan is not None
    assert plan.keep is not None
    assert [plan.keep(item) for item in items] == [True, False]


def test_texts_too_long_for_a_url() -> None:
    """A text to contain counts as it is spelt in a URL; what has no room is checked here."""
    text = "\U0001f600" * 210
    asked = dict.fromkeys(("policy_name", "resource_name", "started_by"), f"~{text}")
    params, checked = pushed(**asked)
    plan = planned(TASK_PARAMETERS, **asked)
    assert plan is not None
    assert plan.keep is not None

    assert ([name for name, _ in params], checked) == (["startedBy"], True)
    assert len(urlencode(params)) < PUSHED_BYTES_MAX
    assert plan.keep(reading({"policy": {"name": text}, "resource": {"name": f"{text}x"}}))
    assert not plan.keep(reading({"policy": {"name": text}, "resource": {"name": "x"}}))


@pytest.mark.parametrize(
    ("given", "name", "kept"),
    [
        pytest.param("~50%", "at 50% OFF", True, id="wildcard is none"),
        pytest.param("~50%", "at 50 off", False, id="wildcard alone"),
        pytest.param("~DAY_1", "day_1 of", True, id="contains in another case"),
        pytest.param("~day,~(X)", "A (x) b", True, id="either in another case"),
        pytest.param("N (full),~day", "n (full)", False, id="equal has a case"),
        pytest.param("N (full),~day", "N (full)", True, id="equal"),
        pytest.param("~a,~b", None, False, id="no name"),
    ],
)
def test_case(given: str, name: str | None, *, kept: bool) -> None:
    """Checked here, contained texts ignore case and equal ones don't; wildcards are letters."""
    plan = planned(TASK_PARAMETERS, policy_name=given)

    assert plan is not None
    assert plan.keep is not None
    assert plan.keep(reading({"policy": {"id": "p", "name": name}})) is kept


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b'{"id":1,"policy":7}', id="odd shape"),
        pytest.param(b'{"id":1,"policy":{"name":[1.5,7,null]}}', id="odd values"),
        pytest.param(b'{"id":1,"policy":{"name":"\xff(a)"}}', id="no utf-8"),
        pytest.param(b'{"id":1,"context":{"policyName":"(a)"}}', id="known by context alone"),
    ],
)
def test_odd_items(sent: bytes) -> None:
    """What the platform could not find by a filter is not found by a check of it either."""
    plan = planned(TASK_PARAMETERS, policy_name="(a)")
    (found,), _ = read_page(b'{"items":[%b]}' % sent, "eu2")

    assert plan is not None
    assert plan.keep is not None
    assert not plan.keep(msgspec.structs.replace(found, raw=msgspec.Raw(sent)))


def reading(sent: Wire, *, activity: bool = False) -> Reading[Item]:
    """Return the reading of an item as the platform sends it."""
    body = msgspec.json.encode({"items": [{"id": 7, **sent}]})
    found: tuple[Reading[Item], ...]
    found, _ = read_activity_page(body, "eu2") if activity else read_page(body, "eu2")
    return found[0]


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw some values of a list."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


WORDS = ["a", "b", "c,d", "(e)"]
NUMBERS = ["1", "22", "333"]
TENANTS = ["1", "12", "123", UUID]
ASKED: dict[str, st.SearchStrategy[list[Any]]] = {
    **{name: some(WORDS) for name in ("type", "policy_type", "resource_type", "queue", "tag")},
    **{name: some(IDS) for name in ("policy", "resource", "agent")},
    **{
        name: some([*TEXTS, *(f"~{text}" for text in (*TEXTS, "t", "%", r"\u"))])
        for name in ("policy_name", "resource_name", "started_by")
    },
    **{name: some(NUMBERS) for name in ("workflow", "task", "parent")},
    "state": some([*STATES]),
    "result": some([*RESULTS]),
    "priority": some([*PRIORITIES]),
    "tenant": some(TENANTS),
    "tenant_scope": some(["exact"]),
    "category": some(["backup", "agent", "other"]),
    "error_code": some(["Full", "Denied"]),
    "roots_only": some(["true"]),
}
_WORD = st.sampled_from(WORDS)
_ITEMS = st.fixed_dictionaries(
    {
        "state": st.sampled_from([*STATES]),
        "tenant": st.sampled_from(
            [
                {"id": "1", "locator": "/1/"},
                {"id": "12", "locator": "/1/12/", "uuid": UUID},
                {"id": "123", "locator": "/1/12/123/"},
                {"id": "9", "locator": "/9/"},
            ]
        ),
    },
    optional={
        "type": _WORD,
        "policy": st.fixed_dictionaries(
            {"id": st.sampled_from(IDS), "name": st.sampled_from(TEXTS)},
            optional={"type": st.sampled_from([*WORDS, "backup"])},
        ),
        "resource": st.fixed_dictionaries(
            {"id": st.sampled_from(IDS)}, optional={"name": st.sampled_from(TEXTS), "type": _WORD}
        ),
        "queue": _WORD,
        "tags": st.lists(_WORD, max_size=2),
        "executor": st.fixed_dictionaries({"id": st.sampled_from(IDS)}),
        "startedByUser": st.sampled_from(TEXTS),
        "workflowId": st.sampled_from([1, 22, 4]),
        "taskId": st.sampled_from([1, 22, 4]),
        "parentActivityId": st.sampled_from([1, 22, 4]),
        "priority": st.sampled_from([*PRIORITIES]),
        "result": st.fixed_dictionaries(
            {"code": st.sampled_from([*RESULTS])},
            optional={"error": st.fixed_dictionaries({"code": st.sampled_from(["Full", "Odd"])})},
        ),
        "context": st.fixed_dictionaries(
            {}, optional={"IsProcessRoot": st.booleans(), "policyName": st.sampled_from(TEXTS)}
        ),
    },
)


def row(sent: Wire) -> Wire:
    """Return the columns of an item as the platform's database has them."""
    policy, resource = sent.get("policy", {}), sent.get("resource", {})
    code = sent.get("result", {}).get("code")
    return {
        **sent,
        **{f"policy{key.title()}": policy.get(key) for key in ("id", "name", "type")},
        **{f"resource{key.title()}": resource.get(key) for key in ("id", "name", "type")},
        "tag": tuple(sent.get("tags", ())),
        "executorId": sent.get("executor", {}).get("id"),
        "state": STATES[sent["state"]],
        "priority": PRIORITIES.get(sent.get("priority", "")),
        "resultCode": None if code is None else RESULTS[code],
    }


def found(plan: Plan | None, items: list[Wire], *, activity: bool) -> list[Wire]:
    """Return the items that the platform gives for a plan and that are kept here."""
    if plan is None:
        return []
    fields = ACTIVITY_FIELDS if activity else TASK_FIELDS
    names = {name for name, _ in plan.params if name != "order"}
    tests = [
        test
        for name in names
        for test in compile_filter(name, fields[name], [v for n, v in plan.params if n == name])
    ]
    given = [sent for sent in items if all(test(row(sent)) for test in tests)]
    return [s for s in given if plan.keep is None or plan.keep(reading(s, activity=activity))]


def told(sent: Wire, name: str) -> list[str]:
    """Return the values that a filter looks at."""
    policy, resource = sent.get("policy", {}), sent.get("resource", {})
    result = sent.get("result", {})
    columns = {
        "agent": sent.get("executor", {}).get("id"),
        "error_code": result.get("error", {}).get("code"),
        "parent": sent.get("parentActivityId"),
        "policy": policy.get("id"),
        "policy_name": policy.get("name"),
        "policy_type": policy.get("type"),
        "resource": resource.get("id"),
        "resource_name": resource.get("name"),
        "resource_type": resource.get("type"),
        "result": result.get("code"),
        "started_by": sent.get("startedByUser"),
        "task": sent.get("taskId"),
        "workflow": sent.get("workflowId"),
        "category": "backup" if policy.get("type") == "backup" else "other",
        **{key: sent.get(key) for key in ("type", "queue", "priority", "state")},
    }
    values = sent.get("tags", []) if name == "tag" else [columns[name]]
    return [str(value) for value in values if value is not None]


def matches(sent: Wire, name: str, wanted: list[str], *, exact: bool, numbers: set[str]) -> bool:
    """Say whether an item is what a filter means, as a caller would put it."""
    if name == "tenant_scope":
        return True
    if name == "roots_only":
        return sent.get("context", {}).get("IsProcessRoot") is not False
    if name == "tenant":
        line = [step for step in sent["tenant"]["locator"].split("/") if step]
        return any(each in (line[-1:] if exact else line) for each in numbers)
    values = told(sent, name)
    if name in {"policy", "resource"}:
        wanted = [case for each in wanted for case in (each, each.upper(), each.lower())]
    return any(
        each[1:] in value if each.startswith("~") else each == value
        for each in wanted
        for value in values
    )


@settings(max_examples=25, deadline=None)
@given(
    st.booleans(),
    st.lists(st.sampled_from(sorted(ASKED)), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: ASKED[name] for name in names})
    ),
    st.lists(_ITEMS, min_size=4, max_size=12),
)
def test_exact(activity: bool, asked: dict[str, list[str]], items: list[Wire]) -> None:  # noqa: FBT001
    """Of any items, the plan selects those that any combination of filters means."""
    table = ACTIVITY_PARAMETERS if activity else TASK_PARAMETERS
    asked = {name: wanted for name, wanted in asked.items() if name in table.by_name}
    tenants = KnownTenants()
    tenants.learn("eu2", UUID, "12")
    numbers = {each if each != UUID else "12" for each in asked.get("tenant", [])}
    pairs = [(name, v.replace(",", r"\,")) for name, wanted in asked.items() for v in wanted]
    query = parse(pairs, table).query
    plan = make_plan(query, "eu2", now_ns=10**18, step_s=10, tenants=tenants)

    assert found(plan, items, activity=activity) == [
        sent
        for sent in items
        if all(
            matches(sent, name, wanted, exact="tenant_scope" in asked, numbers=numbers)
            for name, wanted in asked.items()
        )
    ]
