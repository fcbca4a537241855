"""`/v1/tasks` from the outside: what is refused, and what a platform's failure looks like."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get
from tests.support.upstream import FakeUpstream

HTML = b"<html><body>502 Bad Gateway: s3cret of the front</body></html>"
LEAK = {"code": "Boom", "domain": "TaskManager", "debug": {"msg": "s3cret of the platform"}}


@pytest.mark.parametrize(
    ("query", "slug", "meant"),
    [
        ("statuss=failed", "unknown-parameter", "status"),
        ("status=faild", "invalid-value", "failed"),
        ("limit=0", "invalid-value", None),
        ("status=", "invalid-value", None),
        ("created_after=2026-11-23T10:00:00", "invalid-value", "2026-11-23T10:00:00Z"),
        ("created_after=1h&created_before=2h", "conflicting-parameters", None),
        ("cursor=nonsense", "cursor-malformed", None),
        ("limit=0&statuss=failed", "invalid-parameter", None),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, upstream: FakeUpstream, query: str, slug: str, meant: str | None
) -> None:
    """A caller's mistake is 400, says what was probably meant, and costs no upstream call."""
    answer = await client.get(f"/v1/tasks?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == slug
    errors = answer.json().get("errors", [{}])
    assert errors[0].get("did_you_mean") == meant
    assert answer.headers["content-type"] == "application/problem+json"
    assert not upstream.requests


@pytest.mark.parametrize(
    ("query", "slug", "wrong"),
    [
        ("max_age=x&status=faild", "invalid-value", ["max_age", "status"]),
        ("statuss=failed&cached_only=x", "invalid-parameter", ["cached_only", "statuss"]),
        ("started_by=%ff", "invalid-value", ["started_by"]),
        (
            "%ff=1&started_by=%ed%b2%80&max_age=%ff&limit=0",
            "invalid-value",
            ["?", "started_by", "max_age", "limit"],
        ),
    ],
    ids=["twin", "kinds", "bytes", "several"],
)
async def test_mistakes_together(
    client: httpx.AsyncClient, query: str, slug: str, wrong: list[str]
) -> None:
    """Mistakes in the question, in its freshness and in its bytes are told in one answer."""
    answer = await client.get(f"/v1/tasks?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, slug)
    told = answer.json()["errors"]
    assert [each["parameter"] for each in told] == wrong


@pytest.mark.parametrize(("alias", "meant"), [("eu3", "eu2"), ("zz", None)])
async def test_no_such_account(client: httpx.AsyncClient, alias: str, meant: str | None) -> None:
    """An unknown account is 404, with the nearest one that exists."""
    answer = await client.get(f"/v1/tasks?account={alias}")

    assert (answer.status_code, answer.json()["code"]) == (404, "account-not-found")
    assert answer.json()["errors"][0].get("did_you_mean") == meant


async def test_account(client: httpx.AsyncClient) -> None:
    """An account is asked for by its alias, in any case."""
    assert len((await get(client, "/v1/tasks?account=EU2"))["items"]) == 12


async def test_single_takes_no_parameter(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A single task takes no parameter, and says so."""
    answer = await client.get("/v1/tasks/eu2.1?limit=5")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-parameter")
    assert not upstream.requests


def refusing(
    status: int, times: int = 1, *, wait: str | None = None
) -> Callable[[FakeUpstream], None]:
    """Answer lists with an error that holds what callers must not see."""
    sent = {"Set-Cookie": "session=s3cret"} | ({"Retry-After": wait} if wait else {})
    return lambda up: up.fail_next(status, body=LEAK, headers=sent, times=times, path="/tasks")


def garbling(body: object, *, cut: bool = False) -> Callable[[FakeUpstream], None]:
    """Answer lists with 200 and a body that is no list."""
    return lambda up: up.fail_next(200, body=body, cut=cut, path="/tasks")


def breaking(error: Exception) -> Callable[[FakeUpstream], None]:
    """Break the connection of every list."""
    return lambda up: up.break_next(error, times=3, path="/tasks")


def locked_out(upstream: FakeUpstream) -> None:
    """Refuse the credentials."""
    upstream.client_secret = "changed"


FAILURES = {
    "500": (refusing(500, 3), "502 upstream-error", None),
    "503-bare": (refusing(503, 3), "502 upstream-error", None),
    "503": (refusing(503, 3, wait="7"), "503 upstream-unavailable", "7"),
    "429": (refusing(429, wait="9"), "503 upstream-throttled", "9"),
    "401": (refusing(401, 2), "502 upstream-auth-failed", None),
    "400": (refusing(400), "502 upstream-error", None),
    "html": (garbling(HTML), "502 upstream-invalid-response", None),
    "cut": (garbling(b'{"items": [{"s3cret', cut=True), "502 upstream-invalid-response", None),
    "no-items": (garbling({"s3cret": []}), "502 upstream-invalid-response", None),
    "refused": (breaking(httpx.ConnectError("s3cret")), "503 upstream-unavailable", "5"),
    "timeout": (breaking(httpx.ReadTimeout("s3cret")), "504 upstream-timeout", None),
    "token": (locked_out, "502 upstream-auth-failed", "1"),
}


@pytest.mark.parametrize("kind", FAILURES)
async def test_failures(client: httpx.AsyncClient, upstream: FakeUpstream, kind: str) -> None:
    """A failure of the platform is an error with a name, and tells nothing of its body."""
    fail, outcome, retry_after = FAILURES[kind]
    fail(upstream)
    answer = await client.get("/v1/tasks")

    problem = answer.json()
    assert f"{answer.status_code} {problem['code']}" == outcome
    assert problem["account"] == "eu2"
    assert problem["type"] == f"/problems/{problem['code']}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == retry_after
    assert answer.headers["cache-control"] == "no-store"
    told = answer.text + repr(answer.headers)
    assert not any(word in told for word in ("s3cret", "secret", "token-1", "Bearer"))


async def test_failure_is_seen(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """After a failure the accounts and the probe say so, and the next success mends both."""
    seen: list[Any] = []
    upstream.fail_next(500, times=3, path="/tasks")
    for path in ("/v1/tasks", "/v1/tasks/1"):
        await client.get(path)
        account = (await get(client, "/v1/accounts"))["items"][0]
        seen.append((account["status"], account["problem"], await get(client, "/readyz")))

    assert seen == [
        ("down", "upstream-error", {"status": "degraded"}),
        ("ok", None, {"status": "ok"}),
    ]


async def test_refused_query(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A question that the platform refuses fails alone: its account answered and is well."""
    upstream.fail_next(400, path="/tasks")
    answer = await client.get("/v1/tasks")
    account = (await get(client, "/v1/accounts"))["items"][0]

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-error")
    assert (account["status"], account["problem"]) == ("ok", None)


async def test_head(client: httpx.AsyncClient, time: FakeTime) -> None:
    """`HEAD` answers like `GET` without the body."""
    answer = await client.head("/v1/tasks")
    time.now += 1
    full = await client.get("/v1/tasks")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == full.headers["etag"]
    assert full.headers["age"] == "1"


async def test_upstream_calls_in_metrics(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Calls, retries, tokens and items are counted where the operator looks."""
    upstream.fail_next(503, path="/tasks")
    upstream.tasks[0]["result"] = None
    await get(client, "/v1/tasks")
    told = (await client.get("/metrics")).text

    assert 'taskgate_upstream_calls_total{account="eu2"' in told
    assert "missing_result" in told
