"""What each parameter takes, and what it says to a value that it doesn't."""

from typing import Any

import pytest

from app.domain.moments import ALLOWED
from app.domain.parameters import PARAMETERS, TOKEN_LENGTH_MAX, Parameter, ValueFaultError
from app.domain.query import SORT_FIELDS, TOKEN_FIELDS
from app.domain.status import GROUPS, STATUSES


def refused(name: str, text: str) -> ValueFaultError:
    """Return the refusal of `text` by a parameter."""
    with pytest.raises(ValueFaultError) as fault:
        PARAMETERS[name].read(text)
    return fault.value


@pytest.mark.parametrize("name", TOKEN_FIELDS)
def test_tokens_are_parameters(name: str) -> None:
    """Every filter that goes to the platform as it is can be asked, several at once."""
    assert PARAMETERS[name].many


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS.keys())
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


@pytest.mark.parametrize("name", TOKEN_FIELDS)
@pytest.mark.parametrize("text", ["Nightly (full)", "gt(1)", "a)", "("])
def test_brackets(name: str, text: str) -> None:
    """A token with brackets would be an operator of the platform, so it is refused (P§5.2)."""
    assert refused(name, text).detail == "brackets can't be asked of the platform"


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
