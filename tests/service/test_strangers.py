"""Words of the platform that nobody here knows: passed on, and the caller's when refused."""

import httpx
import pytest

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving
from tests.support.upstream import FakeUpstream, a_task

ONE, TWO = ("eu2",), ("eu2", "us5")
LOGIN = {"client_id": DEFAULT_CLIENT_ID, "secret": DEFAULT_CLIENT_SECRET}


def sandboxes(time: FakeTime, *aliases: str) -> dict[str, httpx.AsyncBaseTransport]:
    """Return platforms that refuse words they don't know."""
    return {
        alias: httpx.ASGITransport(create_sandbox(clock=time.clock, history_days=1))
        for alias in aliases
    }


@pytest.mark.parametrize("aliases", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize(
    ("query", "parameter", "meant"),
    [
        ("state=strated", "state", "started"),
        ("result=eror&status=failed,canceling", "result", "error"),
        ("priority=hihg", "priority", "high"),
        ("priority=belowNormal,abovenorml", "priority", "above_normal"),
        ("id=7&state=strated", "state", "started"),
    ],
)
async def test_refused(
    time: FakeTime, aliases: tuple[str, ...], query: str, parameter: str, meant: str
) -> None:
    """A word that the platform refuses is told to the caller, with those that are known."""
    async with serving(sandboxes(time, *aliases), time, **LOGIN) as client:
        answer = await client.get(f"/v1/tasks?{query}")

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid-value")
    assert [each["parameter"] for each in problem["errors"]] == [parameter]
    assert problem["errors"][0]["did_you_mean"] == meant
    assert meant in problem["errors"][0]["allowed"]


async def test_no_failure_of_the_account(time: FakeTime) -> None:
    """The account is well, however often it refuses; the breaker stays closed."""
    async with serving(sandboxes(time, *TWO), time, **LOGIN) as client:
        told = [await client.get(f"/v1/activities?state=x{n}&partial=allow") for n in range(12)]
        accounts = (await get(client, "/v1/accounts"))["items"]
        body = await get(client, "/v1/activities?limit=1")

    assert {each.status_code for each in told} == {400}
    assert {each["status"] for each in accounts} == {"ok"}
    assert body["meta"]["complete"] is True


async def test_newer_platform(time: FakeTime) -> None:
    """A word that a newer platform knows finds what has it."""
    platform = FakeUpstream(tasks=[a_task(1, state="pondering"), a_task(2)])
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, "/v1/tasks?state=pondering")

    assert ids(body) == ["eu2.1"]


@pytest.mark.parametrize(
    ("query", "status"), [("state=started", 400), ("state=strated", 422), ("state=strated", 500)]
)
async def test_other_failures(time: FakeTime, query: str, status: int) -> None:
    """A question of known words, or another failure, is the platform's trouble."""
    platform = FakeUpstream()
    platform.fail_next(status, path="/tasks", times=9)
    async with serving({"eu2": platform}, time) as client:
        answer = await client.get(f"/v1/tasks?{query}")

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-error")
