"""What each parameter takes, and what it says to a value that it doesn't."""

from typing import Any

import pytest

from app.domain.moments import ALLOWED
from app.domain.parameter import Parameter
from app.domain.parameters import (
    ACTIVITY_ITEM_PARAMETERS,
    ACTIVITY_PARAMETERS,
    TASK_ITEM_PARAMETERS,
    TASK_PARAMETERS,
    Table,
)
from app.domain.query import SORT_FIELDS
from app.domain.status import GROUPS, STATUSES
from app.domain.values import TOKEN_LENGTH_MAX, ValueFaultError

PARAMETERS = TASK_PARAMETERS.by_name
EVERY = [
    *TASK_PARAMETERS.by_name.values(),
    *ACTIVITY_PARAMETERS.by_name.values(),
    *TASK_ITEM_PARAMETERS.by_name.values(),
    *ACTIVITY_ITEM_PARAMETERS.by_name.values(),
]

UUID = "38045860-8901-426e-b51f-fc6d24d1cbe0"


def refused(name: str, text: str) -> ValueFaultError:
    """Return the refusal of `text` by a parameter."""
    with pytest.raises(ValueFaultError) as fault:
        PARAMETERS[name].read(text)
    return fault.value


@pytest.mark.parametrize("parameter", EVERY, ids=lambda parameter: parameter.name)
def test_example(parameter: Parameter) -> None:
    """Every documented example is a value that the parameter takes, and every text ends."""
    assert parameter.read(parameter.example) is not None
    assert parameter.about.endswith((".", ")"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("status", STATUSES), ("status_group", tuple(GROUPS)), ("partial", ("allow", "deny"))],
    ids=["status", "status_group", "partial"],
)
def test_words(name: str, words: tuple[str, ...]) -> None:
    """Our own words are taken in any case, are what the schema lists, and come out in ours."""
    assert tuple(PARAMETERS[name].read(word.upper()) for word in words) == words
    assert PARAMETERS[name].schema["enum"] == list(words)


def test_sorts() -> None:
    """Every time field sorts in both directions; the default is one of them."""
    schema = PARAMETERS["sort"].schema

    assert set(schema["enum"]) == {sign + name for sign in ("", "-") for name in SORT_FIELDS}
    assert schema["default"] in schema["enum"]


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        pytest.param("status", "ok", "succeeded", id="platform result"),
        pytest.param("status", "Error", "failed", id="platform result in another case"),
        pytest.param("status", "cancelled", "canceled", id="british"),
        pytest.param("status", "cancelling", "canceling", id="british participle"),
        pytest.param("status", "timedout", "timed_out", id="platform spelling"),
        pytest.param("status", "enqueued", "queued", id="platform state"),
        pytest.param("status", "assigned", "queued", id="another platform state"),
        pytest.param("status", "started", "running", id="running"),
        pytest.param("status", "completed", "succeeded", id="completed"),
        pytest.param("status", "failure", "failed", id="group as status"),
        pytest.param("status", "active", "running", id="group of many as status"),
        pytest.param("status", "faild", "failed", id="slip"),
        pytest.param("status", "xyzzy", None, id="nothing near"),
        pytest.param("status_group", "failed", "failure", id="status as group"),
        pytest.param("status_group", "timed_out", "failure", id="another status as group"),
        pytest.param("status_group", "error", "failure", id="platform result as group"),
        pytest.param("status_group", "enqueued", "pending", id="platform state as group"),
        pytest.param("status_group", "cancelled", "canceled", id="british group"),
        pytest.param("status_group", "canceling", "active", id="canceling as group"),
        pytest.param("sort", "-create_at", "-created_at", id="sort"),
        pytest.param("partial", "allowed", "allow", id="partial"),
    ],
)
def test_likely_intent(name: str, text: str, meant: str | None) -> None:
    """A word that is not ours is refused, and the one that was probably meant is offered."""
    fault = refused(name, text)

    assert fault.did_you_mean == meant
    assert fault.allowed == ", ".join(PARAMETERS[name].schema["enum"])


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("05", 5), ("0100", 100), ("1000", 1000)])
def test_limit(text: str, limit: int) -> None:
    """A limit is a whole number from 1 to 1000."""
    assert PARAMETERS["limit"].read(text) == limit


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0", id="nought"),
        pytest.param("1001", id="one too many"),
        pytest.param("10000", id="five digits"),
        pytest.param("00000100999", id="noughts before too many"),
        pytest.param("9" * 5000, id="thousands of digits"),
        pytest.param("-1", id="negative"),
        pytest.param("+5", id="plus"),
        pytest.param(" 5", id="space"),
        pytest.param("5\n", id="line end"),
        pytest.param("1e3", id="exponent"),
        pytest.param("5.0", id="fraction"),
        pytest.param("1_0", id="underscore"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("\u0665", id="arabic digit"),
        pytest.param("\uff15", id="full-width digit"),
        pytest.param("²", id="superscript"),
        pytest.param("all", id="word"),
    ],
)
def test_no_limit(text: str) -> None:
    """Anything else is no limit, though Python might read a number in it."""
    assert refused("limit", text).allowed == "a whole number from 1 to 1000"


def test_long_token() -> None:
    """A token is as long as the platform takes it, and no longer (P§5.2)."""
    longest = "x" * TOKEN_LENGTH_MAX

    assert PARAMETERS["type"].read(longest) == longest
    assert refused("type", longest + "x").allowed == "at most 256 characters"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("state", "NewState", "newstate", id="state ignores case"),
        pytest.param("result", "OK", "ok", id="result ignores case"),
        pytest.param("type", "UserMailboxBackup", "UserMailboxBackup", id="type keeps case"),
        pytest.param("account", "EU2", "eu2", id="account ignores case"),
        pytest.param("id", "EU2.7", "EU2.7", id="id is kept as sent"),
    ],
)
def test_case(name: str, text: str, value: Any) -> None:
    """Our words ignore case, new words of the platform pass, its other tokens go out as sent."""
    assert PARAMETERS[name].read(text) == value


def test_moment_is_explained() -> None:
    """A time that can't be read says why, what is allowed, and what was meant."""
    fault = refused("created_after", "2026-11-23T10:00:00")

    assert fault.detail.startswith("'2026-11-23T10:00:00' has no offset")
    assert (fault.allowed, fault.did_you_mean) == (ALLOWED, "2026-11-23T10:00:00Z")


def test_what_activities_lack() -> None:
    """Activities have no queue, priority or filter by agent, but a task and a parent (P§4.1)."""
    tasks, activities = set(PARAMETERS), set(ACTIVITY_PARAMETERS.by_name)

    assert tasks - activities == {"queue", "priority", "agent"}
    assert activities - tasks == {"task", "parent"}


def test_activities_are_never_canceling() -> None:
    """Activities know no request to cancel, so they have no such status."""
    words = ACTIVITY_PARAMETERS.by_name["status"].schema["enum"]

    assert {*STATUSES} - {*words} == {"canceling"}


@pytest.mark.parametrize("table", [TASK_ITEM_PARAMETERS, ACTIVITY_ITEM_PARAMETERS])
def test_single_objects(table: Table) -> None:
    """A single object takes what shapes it and no filter."""
    assert list(table.by_name) == ["fields", "include"]


@pytest.mark.parametrize(
    ("table", "name", "meant"),
    [
        pytest.param(TASK_PARAMETERS, "resultCode", "result", id="the platform's name"),
        pytest.param(TASK_PARAMETERS, "enqueuedAt", "created_after", id="the platform's time"),
        pytest.param(ACTIVITY_PARAMETERS, "createdAt", "created_after", id="activities' time"),
        pytest.param(TASK_PARAMETERS, "started_at", "started_after", id="our field"),
        pytest.param(TASK_PARAMETERS, "tenant_id", "tenant", id="id"),
        pytest.param(TASK_PARAMETERS, "order", "sort", id="order"),
        pytest.param(ACTIVITY_PARAMETERS, "taskId", "task", id="task of activities"),
        pytest.param(TASK_PARAMETERS, "taskId", None, id="task of tasks"),
        pytest.param(TASK_ITEM_PARAMETERS, "field", "fields", id="single object"),
        pytest.param(TASK_ITEM_PARAMETERS, "status", None, id="filter of a single object"),
    ],
)
def test_name_meant(table: Table, name: str, meant: str | None) -> None:
    """Who writes the platform's name of something is told ours, if the route has it."""
    assert table.nearest(name) == meant


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("below_normal", "belowNormal"),
        ("belowNormal", "belowNormal"),
        ("ABOVE_NORMAL", "aboveNormal"),
        ("normal", "normal"),
        ("very_high", "veryHigh"),
        ("veryHigh", "veryHigh"),
    ],
)
def test_priority(text: str, sent: str) -> None:
    """A priority is taken in our spelling and the platform's, and new ones pass."""
    assert PARAMETERS["priority"].read(text) == sent


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("policy", "AB-7", "AB-7", id="odd plan as sent"),
        pytest.param("policy", UUID.upper(), UUID, id="plan's uuid"),
        pytest.param("tenant", "1496262", "1496262", id="tenant's number"),
        pytest.param("tenant", UUID.upper(), UUID, id="tenant's uuid"),
        pytest.param("workflow", "0", "0", id="workflow"),
        pytest.param("roots_only", "TRUE", True, id="true"),
        pytest.param("roots_only", "false", False, id="false"),
        pytest.param("started_by", r"HOST\user", r"HOST\user", id="user"),
        pytest.param("resource_name", "~~", "~~", id="contains a tilde"),
        pytest.param("fields", "warnings.code", "warnings.code", id="field of elements"),
        pytest.param("tag", "a(b)", "a(b)", id="brackets"),
    ],
)
def test_value(name: str, text: str, value: Any) -> None:
    """What is alike comes out alike; what the platform tells apart stays apart."""
    assert PARAMETERS[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        pytest.param("workflow", "1e3", None, id="no number"),
        pytest.param("workflow", "9223372036854775808", None, id="beyond 63 bits"),
        pytest.param("tenant", "Contoso", None, id="tenant's name"),
        pytest.param("tenant", "007", None, id="leading noughts"),
        pytest.param("roots_only", "yes", "true", id="yes"),
        pytest.param("roots_only", "0", "false", id="nought"),
        pytest.param("roots_only", "maybe", None, id="maybe"),
        pytest.param("started_by", "~", None, id="nothing to contain"),
        pytest.param("fields", "tenant.ids", "tenant.id", id="slip in a field"),
        pytest.param("fields", "Status", "status", id="case of a field"),
        pytest.param("fields", "raw", None, id="opt-in key"),
        pytest.param("include", "activites", "activities", id="include"),
        pytest.param("category", "restore", None, id="category"),
        pytest.param("status", "x" * 8000, None, id="long"),
    ],
)
def test_refused_value(name: str, text: str, meant: str | None) -> None:
    """A value that can never match is refused with what is allowed and perhaps meant, in short."""
    fault = refused(name, text)

    assert fault.did_you_mean == meant
    assert fault.allowed
    assert len(fault.detail) < 320


@pytest.mark.parametrize(
    ("text", "value"),
    [("EU2.7", "eu2.7"), ("7", "7"), ("us-1.944455285181775873", "us-1.944455285181775873")],
)
def test_item_id(text: str, value: str) -> None:
    """A task or a parent is named as answers name it, or bare."""
    assert ACTIVITY_PARAMETERS.by_name["task"].read(text) == value


@pytest.mark.parametrize("text", ["eu2.", ".7", "a.b.7", "eu2.007", UUID, "9223372036854775808"])
def test_no_item_id(text: str) -> None:
    """The platform takes numbers alone for a task or a parent (P§4.1), so a UUID is refused."""
    with pytest.raises(ValueFaultError):
        ACTIVITY_PARAMETERS.by_name["parent"].read(text)
