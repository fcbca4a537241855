"""Rules of the token endpoint's answers."""

import base64
import json

import pytest

from app.errors import ServiceError, UpstreamInvalidResponseError
from app.platform.grant import Grant, read_grant

NOW = 1_800_000_000.0


def jwt(claims: object) -> str:
    """Return a token whose claims can be read, unsigned."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJ0eXAiOiJKV1QifQ.{payload}.signature"


def read(**fields: object) -> Grant:
    """Read an answer with these fields beside a token."""
    answer = {"access_token": "opaque", "token_type": "bearer"} | fields
    return read_grant(json.dumps(answer).encode(), account="eu2", now=NOW)


@pytest.mark.parametrize(
    ("fields", "lifetime_s"),
    [
        pytest.param({"expires_in": 600, "expires_on": NOW + 50}, 600, id="expires_in first"),
        pytest.param({"expires_on": NOW + 50}, 50, id="then expires_on"),
        pytest.param({"access_token": jwt({"exp": NOW + 70})}, 70, id="then exp"),
        pytest.param({}, 7200, id="else two hours"),
        pytest.param({"access_token": jwt({})}, 7200, id="no exp"),
        pytest.param({"access_token": jwt(["exp"])}, 7200, id="claims of another shape"),
        pytest.param({"access_token": "a.!.c"}, 7200, id="claims in no base64"),
        pytest.param({"access_token": "a.abcde.c"}, 7200, id="claims in broken base64"),
        pytest.param({"expires_in": "soon", "expires_on": NOW + 50}, 50, id="odd expires_in"),
        pytest.param({"expires_in": True}, 7200, id="a boolean is no number"),
        pytest.param({"expires_in": 10**400}, 7200, id="beyond any time"),
        pytest.param({"expires_in": 10**12}, 31_536_000, id="at most a year"),
    ],
)
def test_lifetime(fields: dict[str, object], lifetime_s: float) -> None:
    """The lifetime is expires_in, else expires_on, else the claim exp, else two hours (P§2.2)."""
    assert read(**fields).lifetime_s == lifetime_s


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"access_token": "\xff"}', id="not UTF-8"),
        pytest.param(b"{}", id="no token"),
        pytest.param(b'{"access_token": null}', id="null"),
        pytest.param(b'{"access_token": ""}', id="empty token"),
        pytest.param(b'{"access_token": "a\\nb"}', id="not fit for a header"),
        pytest.param(b'{"access_token": "a", "token_type": "mac"}', id="not a bearer"),
        pytest.param(b'{"access_token": "a", "expires_in": 0}', id="expired"),
        pytest.param(b'{"access_token": "a", "expires_on": 1562910964}', id="expired by our clock"),
    ],
)
def test_no_usable_token(body: bytes) -> None:
    """A success without a usable token is an unreadable answer, and tells nothing of its text."""
    with pytest.raises(UpstreamInvalidResponseError) as caught:
        read_grant(body, account="eu2", now=NOW)

    assert isinstance(caught.value, ServiceError)
    assert caught.value.account == "eu2"
    assert caught.value.__cause__ is None


def test_bearer_ignores_case() -> None:
    """The type of a token is compared ignoring case."""
    assert read(token_type="Bearer").bearer == "opaque"


def test_repr() -> None:
    """A grant never prints its token."""
    assert "opaque" not in repr(read())
