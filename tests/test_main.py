"""The composition root: what is drawn in its docstring is what is built."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.main import create_app
from app.settings import Settings
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, get, idle, network, running
from tests.support.upstream import FakeUpstream


async def test_life(app: FastAPI) -> None:
    """The service is ready from its start to its end, and not before or after."""
    assert app.state.readiness.status == "starting"
    async with running(app) as client:
        assert (await client.get("/readyz")).status_code == 200

    assert app.state.readiness.status == "draining"


async def test_closes(app: FastAPI, upstream: FakeUpstream) -> None:
    """The end cancels what still flies; who waits for it gets 503 and no crash."""
    upstream.gate.clear()
    async with running(app) as client:
        waiting = asyncio.create_task(client.get("/v1/tasks"))
        await idle()
    answer = await waiting

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(("docs", "status"), [(True, 200), (False, 404)], ids=["on", "off"])
async def test_docs_switch(time: FakeTime, docs: bool, status: int) -> None:  # noqa: FBT001
    """The documentation pages are served unless they are switched off."""
    app = built(configured("eu2", docs=docs), network({"eu2": FakeUpstream()}), time)
    async with running(app) as client:
        answers = [await client.get(path) for path in ("/docs", "/redoc", "/openapi.json")]

    assert {answer.status_code for answer in answers} == {status}


async def test_tells_what_happens(app: FastAPI, upstream: FakeUpstream) -> None:
    """Retries and tokens leave a log line and a figure each; no line holds a secret."""
    upstream.fail_next(503, path="/tasks")
    upstream.tasks[0] |= {"id": -1, "idString": "?"}
    with capture_logs() as logs:
        async with running(app) as client:
            await get(client, "/v1/tasks")
            figures = (await client.get("/metrics")).text

    events = [each["event"] for each in logs]
    assert events[:3] == ["token_refreshed", "retry_scheduled", "request_served"]
    assert logs[2]["upstream_calls"] == 3
    assert "secret" not in repr(logs)
    assert 'taskgate_upstream_calls_total{account="eu2"' in figures
    assert "unreadable" in figures


async def test_tells_of_a_lost_token(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A token that could not be had is told, with its reason and without the credentials."""
    upstream.client_secret = "changed"
    with capture_logs() as logs:
        await client.get("/v1/tasks")

    (told,) = [each for each in logs if each["event"] == "token_refresh_failed"]
    assert (told["account"], told["reason"]) == ("eu2", "upstream-auth-failed")


async def test_hit_costs_nothing(client: httpx.AsyncClient) -> None:
    """A kept answer makes no upstream call, and its log line says so."""
    await client.get("/v1/tasks")
    with capture_logs() as logs:
        await client.get("/v1/tasks")

    assert (logs[0]["cache"], logs[0]["upstream_calls"]) == ("hit", 0)


async def test_tenant(settings: Settings, time: FakeTime) -> None:
    """An account's tenant narrows the token that is asked for (P§2.4)."""
    tenant = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    account = settings.accounts["eu2"].model_dump() | {"tenant": tenant, "client_secret": "secret"}
    narrowed = settings.model_copy(
        update={"accounts": {"eu2": type(settings.accounts["eu2"]).model_validate(account)}}
    )
    upstream = FakeUpstream(tenant=tenant)
    async with running(built(narrowed, network({"eu2": upstream}), time)) as client:
        await get(client, "/v1/tasks")

    assert upstream.calls("/token") == 1


@pytest.mark.parametrize(("secret", "status"), [("a" * 32, 200), ("b" * 32, 400)])
async def test_cursor_secret(
    time: FakeTime, upstream: FakeUpstream, secret: str, status: int
) -> None:
    """Replicas with the same cursor secret continue each other's walks; others refuse."""
    one, other = (
        built(configured("eu2", cursor_secret=each), network({"eu2": upstream}), time)
        for each in ("a" * 32, secret)
    )
    async with running(one) as client:
        made = (await get(client, "/v1/tasks?limit=5"))["page"]["next"]
    async with running(other) as client:
        answer = await client.get(made)

    assert answer.status_code == status


async def test_cursor_secret_rotates(
    settings: Settings, time: FakeTime, upstream: FakeUpstream, tmp_path: Path
) -> None:
    """A changed file changes the secret without a restart; one that vanished changes nothing."""
    path = tmp_path / "secret"
    path.write_text("first")
    filed = settings.model_copy(update={"cursor_secret_file": path})
    async with running(built(filed, network({"eu2": upstream}), time)) as client:
        made = (await get(client, "/v1/tasks?limit=5"))["page"]["next"]
        path.unlink()
        kept = await client.get(made)
        path.write_text("the second")
        ended = await client.get(made)

    assert (kept.status_code, ended.status_code) == (200, 400)
    assert ended.json()["code"] == "cursor-malformed"


async def test_nothing_at_start(settings: Settings) -> None:
    """Building and starting the service asks nobody anything."""
    app = create_app(settings)
    async with running(app) as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_quiet(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Closures of the gate, and who was turned away, stand in the figures."""
    upstream.fail_next(429, path="/tasks/1")
    await client.get("/v1/tasks/1")
    for limit in (1, 2, 3):
        await client.get(f"/v1/tasks?limit={limit}")
    figures = (await client.get("/metrics")).text

    assert 'taskgate_gate_closures_total{account="eu2"} 1.0' in figures
    assert 'taskgate_gate_refusals_total{account="eu2",reason="closed"} 3.0' in figures


async def test_failures_in_a_row(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """After a lone call's retries none is left for the next, and the breaker opens."""
    upstream.fail_next(500, path="/tasks", times=5)
    for limit in (1, 2, 3):
        await client.get(f"/v1/tasks?limit={limit}")
    figures = (await client.get("/metrics")).text

    forgone = 'taskgate_upstream_retries_forgone_total{account="eu2",endpoint="tasks"} 1.0'
    assert forgone in figures
    assert 'taskgate_breaker_state{account="eu2",part="api",state="open"} 1.0' in figures
