"""Rules of what the platform's refusals mean."""

import json

import httpx
import pytest

from app.errors import UpstreamFacts, UpstreamFailedError
from app.platform.refusals import refusal, retry_after_s, token_refusal
from tests.support.platform import UNIX

SECRETS = {"error": {"code": "AccessDenied", "message": "token abc of C:\\Users\\jd"}}


def answer(status: int, *, wait: str | None = None, body: object = None) -> httpx.Response:
    """Return a refusal."""
    headers = {"X-Request-Id": "5a8f-2d1c"} | ({"Retry-After": wait} if wait else {})
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, headers=headers, content=content)


@pytest.mark.parametrize(
    ("status", "wait", "slug", "after_s"),
    [
        (301, None, "upstream-invalid-response", None),
        (304, None, "upstream-invalid-response", None),
        (400, None, "upstream-error", None),
        (401, None, "upstream-auth-failed", None),
        (403, None, "upstream-auth-failed", None),
        (404, None, "upstream-error", None),
        (429, None, "upstream-throttled", 5),
        (429, "0", "upstream-throttled", 0),
        (429, "30", "upstream-throttled", 30),
        (500, None, "upstream-error", None),
        (502, "30", "upstream-error", None),
        (503, None, "upstream-error", None),
        (503, "30", "upstream-unavailable", 30),
    ],
)
def test_refusals(status: int, wait: str | None, slug: str, after_s: float | None) -> None:
    """Each status of the API is one failure that callers can tell apart, with its account."""
    error = refusal(answer(status, wait=wait), account="eu2", now=UNIX)

    assert (error.slug, error.retry_after_s, error.account) == (slug, after_s, "eu2")
    assert error.upstream == UpstreamFacts(status=status, code=None, request_id="5a8f-2d1c")


@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (422, True), (404, False), (500, False)]
)
def test_question_refused(status: int, *, refused: bool) -> None:
    """Only a client error of the API refuses the question; with no token every question fails."""
    api = refusal(answer(status), account="eu2", now=UNIX)
    token = token_refusal(answer(415), account="eu2", now=UNIX)

    assert isinstance(api, UpstreamFailedError)
    assert isinstance(token, UpstreamFailedError)
    assert (api.refused, token.refused) == (refused, False)


@pytest.mark.parametrize(
    ("status", "wait", "slug", "after_s"),
    [
        (302, None, "upstream-invalid-response", None),
        (400, None, "upstream-auth-failed", None),
        (401, None, "upstream-auth-failed", None),
        (403, None, "upstream-auth-failed", None),
        (404, None, "upstream-error", None),
        (415, None, "upstream-error", None),
        (429, "9", "upstream-throttled", 9),
        (500, None, "upstream-unavailable", 5),
        (503, "9", "upstream-unavailable", 9),
    ],
)
def test_token_refusals(status: int, wait: str | None, slug: str, after_s: float | None) -> None:
    """The token endpoint refuses credentials with 400, 401, 403; a failure of it is an outage."""
    error = token_refusal(answer(status, wait=wait), account="eu2", now=UNIX)

    assert (error.slug, error.retry_after_s, error.account) == (slug, after_s, "eu2")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"code": "BadRequest", "domain": "TaskManager"}, "BadRequest", id="bare"),
        pytest.param(SECRETS, "AccessDenied", id="wrapped"),
        pytest.param({"error": "invalid_client"}, "invalid_client", id="OAuth"),
        pytest.param({"error": {"code": 1006}}, "1006", id="a number"),
        pytest.param({"code": "see C:\\Users\\jd"}, None, id="a text"),
        pytest.param({"code": "x" * 65}, None, id="too long"),
        pytest.param("<html>", None, id="no object"),
    ],
)
def test_codes(body: object, code: str | None) -> None:
    """The platform's code is told when it is a plain word, in all shapes of P§12.2."""
    error = refusal(answer(500, body=body), account="eu2", now=UNIX)

    assert error.upstream is not None
    assert error.upstream.code == code


@pytest.mark.parametrize("status", [301, 400, 401, 429, 500, 503])
def test_details_hold_nothing_of_the_body(status: int) -> None:
    """No word of the platform's body goes out in a detail."""
    api = refusal(answer(status, body=SECRETS), account="eu2", now=UNIX)
    token = token_refusal(answer(status, body=SECRETS), account="eu2", now=UNIX)

    assert "abc" not in api.detail + token.detail
    assert "Users" not in api.detail + token.detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param(" 7 ", 7, id="blanks"),
        pytest.param("9" * 5000, 3600, id="beyond belief"),
        pytest.param("Fri, 15 Jan 2027 08:00:09 GMT", 9, id="date"),
        pytest.param("Fri, 15 Jan 2027 07:00:00 GMT", 0, id="past"),
        pytest.param("Sat, 15 Jan 2028 08:00:00 GMT", 3600, id="far"),
        pytest.param("Fri, 15 Jan 2027 08:00:09 -0000", 9, id="no zone"),
        pytest.param("Fri, 15 Jan 2027 08:00:09 +99999999999999999999", None, id="no real zone"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1.5", None, id="fraction"),
        pytest.param("²", None, id="a digit to Unicode alone"),
        pytest.param("soon", None, id="word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Retry-After is whole seconds or a date, never negative, at most an hour."""
    response = httpx.Response(503, headers=[(b"Retry-After", value.encode())])

    assert retry_after_s(response, UNIX) == seconds


def refused_login(code: str) -> str:
    """Return the detail for a refusal of the token endpoint."""
    return token_refusal(answer(403, body={"error": code}), account="eu2", now=UNIX).detail


@pytest.mark.parametrize(
    ("code", "said"),
    [("invalid_client", "disabled"), ("access_denied", "tenant"), ("other", "credentials")],
)
def test_words_of_a_refused_login(code: str, said: str) -> None:
    """What the token endpoint's codes mean is said in words."""
    assert said in refused_login(code)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_token_endpoint_echoes(status: int) -> None:
    """A token endpoint that sends the secret back as its code tells nobody."""
    answer = httpx.Response(status, json={"error": "s3cret", "error_description": "s3cret"})

    error = token_refusal(answer, account="eu2", now=0)

    assert error.upstream is not None
    assert error.upstream.code is None
