"""Conditions of one field (P§5): what they let pass and how they are refused."""

from typing import Any

import pytest

from app.sandbox.fields import ACTIVITY_FIELDS, TASK_FIELDS
from app.sandbox.grammar import compile_filter
from app.sandbox.refusals import RefusalError

FIELDS = ACTIVITY_FIELDS | TASK_FIELDS
UUID = "38045860-8901-426e-b51f-fc6d24d1cbe0"


def passes(field: str, values: list[str], stored: Any) -> bool:
    """Whether a row with that value meets the conditions."""
    tests = compile_filter(field, FIELDS[field], values)
    return all(test({FIELDS[field].key: stored}) for test in tests)


@pytest.mark.parametrize(
    ("field", "values", "hits", "misses"),
    [
        pytest.param("type", ["WinScan"], ["WinScan"], ["winscan", None], id="equal"),
        pytest.param("type", ["a", "b"], ["a", "b"], ["c"], id="either"),
        pytest.param("type", ["ne(a)"], ["b"], ["a", None], id="ne"),
        pytest.param("type", ["ne(a)", "ne(b)"], ["c"], ["a", "b"], id="neither"),
        pytest.param("type", ["a", "ne(b)"], ["a"], ["b", "c"], id="positive counts"),
        pytest.param("type", ["gt(b)", "lt(d)"], ["c"], ["a", "b", "d"], id="string range"),
        pytest.param("type", ["isnull()"], [None], ["a"], id="isnull"),
        pytest.param("type", ["notnull()"], ["a"], [None], id="notnull"),
        pytest.param("policyName", ["like(igh)"], ["Nightly (full)"], ["NIGHT", None], id="like"),
        pytest.param("policyName", ["hlike(Ni)"], ["Night"], ["aNi"], id="hlike"),
        pytest.param("policyName", ["tlike(ht)"], ["Night"], ["hta"], id="tlike"),
        pytest.param("policyName", ["like(N_g%y)"], ["Nightly"], ["Ngy"], id="wildcards"),
        pytest.param("policyName", ["like(a)", "like(b)"], ["ab"], ["a", "b"], id="both likes"),
        pytest.param("id", ["ge(5)", "le(7)"], [5, 7], [4, 8], id="integer range"),
        pytest.param("id", ["gt(9)", "lt(3)"], [], [2, 5, 10], id="contradictory range"),
        pytest.param("id", ["9007199254740993"], [2**53 + 1], [2**53], id="big"),
        pytest.param("uuid", [UUID.upper()], [UUID], [UUID[::-1]], id="uuid in either case"),
        pytest.param("uuid", [f"urn:uuid:{UUID}"], [UUID], [], id="uuid as urn"),
        pytest.param("state", ["started", "paused"], [2, 3], [0, 4, None], id="states"),
        pytest.param("priority", ["gt(normal)"], [10, 20], [0, -10, -20], id="ordered words"),
        pytest.param("tag", ["a"], [("a", "b")], [("b",), None], id="tags"),
        pytest.param("startedAt", ["gt(7ns)"], [8], [7, None], id="time later"),
        pytest.param("startedAt", ["ge(7ns)"], [7], [6], id="time not before"),
        pytest.param("startedAt", ["7ns"], [7], [6], id="time equal"),
        pytest.param("sustainable", ["true"], [True], [False], id="flag"),
        pytest.param("sustainable", ["false"], [False], [True], id="flag down"),
        pytest.param("type", ["gt(a)trailing"], ["b"], ["a"], id="text after the bracket"),
    ],
)  # fmt: skip
def test_operators(field: str, values: list[str], hits: list[Any], misses: list[Any]) -> None:
    """Plain values are alternatives, functions are conditions; absent meets none but isnull."""
    assert [stored for stored in hits if not passes(field, values, stored)] == []
    assert [stored for stored in misses if passes(field, values, stored)] == []


MISPLACED = "closing bracket placed before opening bracket"
SYNTAX = "invalid syntax on field"
CONTRADICTION = "positive condition on value cannot be set alongside with ne function on it"
TIME_FORMS = (
    "incorrect time format, must be one of (UNIX-TIMESTAMP-NANO, UNIX-TIMESTAMP, RFC3339, RFC1123, "
    "RFC850, ANSI-C) on field 'startedAt'"
)


@pytest.mark.parametrize(
    ("field", "values", "text"),
    [
        ("type", ["or(a)"], "unsupported function 'or' on field 'type'"),
        ("policyName", ["Nightly (full)"], "unsupported function 'Nightly ' on field 'policyName'"),
        ("id", ["ne(5)"], "unsupported function 'ne' on field 'id'"),
        ("id", ["gt(5"], "bad function 'gt(5', no closing bracket on field 'id'"),
        ("id", ["gt5)"], "bad function 'gt5)', no opening bracket on field 'id'"),
        ("id", [")gt(5"], f"bad function ')gt(5', {MISPLACED} on field 'id'"),
        ("type", [""], "field 'type' value is empty"),
        ("type", ["isnull()", "a"], "field 'type' value is empty"),
        ("startedAt", [""], "empty time value on field 'startedAt'"),
        ("type", ["x" * 257], "field 'type' value is too long, max length is 256"),
        ("type", ["like(a)"], "like functions are unsupported on field 'type'"),
        ("id", ["130a"], "strconv.ParseInt: parsing \"130a\": invalid syntax on field 'id'"),
        ("id", ["1_0"], "strconv.ParseInt: parsing \"1_0\": invalid syntax on field 'id'"),
        ("uuid", ["abc"], "bad uuid format: invalid UUID length: 3 on field 'uuid'"),
        ("uuid", ["x" * 36], "bad uuid format: invalid UUID format on field 'uuid'"),
        ("startedAt", ["gt(yesterday)"], TIME_FORMS),
        ("startedAt", ["gt(1)", "lt(9)"], "single value expected on field 'startedAt'"),
        ("sustainable", ["yes"], f"strconv.ParseBool: parsing \"yes\": {SYNTAX} 'sustainable'"),
        ("state", ["started,paused"], "unknown value 'started,paused' on field 'state'"),
        ("type", ["a", "ne(a)"], f"{CONTRADICTION}, field 'type', value 'a'"),
    ],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_refusals(field: str, values: list[str], text: str) -> None:
    """A condition that makes no sense is a 400 in the words of P§5.5."""
    with pytest.raises(RefusalError) as refused:
        compile_filter(field, FIELDS[field], values)

    assert refused.value.status == 400
    assert refused.value.body == {
        "domain": "TaskManager",
        "code": "BadRequest",
        "reason": "BadRequest",
        "debug": {"msg": text},
    }
