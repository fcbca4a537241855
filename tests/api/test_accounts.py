"""`/v1/accounts`: what is configured and how it fares."""

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import built, configured, get, network, running, serving
from tests.support.upstream import FakeUpstream


async def test_before_the_first_call(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Nothing is known of an account before somebody asks it, and this route doesn't ask."""
    answer = await client.get("/v1/accounts")

    assert answer.status_code == 200
    assert answer.json() == {
        "items": [
            {
                "account": "eu2",
                "host": "eu2.example",
                "sandbox": False,
                "status": "unknown",
                "data_as_of": None,
                "problem": None,
            }
        ]
    }
    assert answer.headers["cache-control"] == "no-store"
    assert not upstream.requests


async def test_ok_degraded_down(
    client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime
) -> None:
    """An account that answered is ok, degraded once it fails, down when it keeps failing."""
    seen = []
    for failures in (0, 1, 1, 1, 0):
        if failures:
            upstream.fail_next(403, path="/tasks")
        await client.get("/v1/tasks")
        seen.append((await get(client, "/v1/accounts"))["items"][0]["status"])
        time.now += 60

    assert seen == ["ok", "degraded", "degraded", "down", "ok"]


async def test_no_secret(time: FakeTime) -> None:
    """Accounts show neither credentials nor more of the address than the host."""
    platforms = {
        "us5": FakeUpstream(client_id="id-7", client_secret="s3cret"),
        "eu2": FakeUpstream(),
    }
    async with serving(platforms, time, client_id="id-7", secret="s3cret") as client:
        await client.get("/v1/tasks")
        answer = await client.get("/v1/accounts")

    assert [each["account"] for each in answer.json()["items"]] == ["eu2", "us5"]
    assert "s3cret" not in answer.text
    assert "id-7" not in answer.text


async def test_sandbox(time: FakeTime) -> None:
    """Made-up data is said to be."""
    upstream = FakeUpstream()
    app = built(configured("sandbox"), network({"sandbox": upstream}), time, sandbox=True)
    async with running(app) as client:
        body = await get(client, "/v1/accounts")

    assert body["items"][0]["sandbox"] is True


@pytest.mark.parametrize("query", ["limit=1", "account=eu2"])
async def test_takes_no_parameter(client: httpx.AsyncClient, query: str) -> None:
    """The accounts take no parameter, and say so."""
    answer = await client.get(f"/v1/accounts?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-parameter")
