"""Who has less time than the accounts need gets what there is, and nobody else is blamed for it."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get, idle, ids, serving
from tests.support.upstream import FakeUpstream, a_task, an_activity

HURRY = {"X-Request-Timeout-Ms": "20"}
STEPS = "/v1/tasks?include=activities"


def three() -> dict[str, FakeUpstream]:
    """Return three platforms with a task and its step each; `eu2` hangs."""
    platforms = {
        alias: FakeUpstream(tasks=[a_task(1)], activities=[an_activity(5, 1)])
        for alias in ("au1", "eu2", "us5")
    }
    platforms["eu2"].gate.clear()
    return platforms


def problems(body: dict[str, Any]) -> list[str | None]:
    """Return the problem of each account."""
    return [each["problem"] for each in body["meta"]["accounts"]]


async def test_so_far(time: FakeTime) -> None:
    """Who has no more time gets what the others answered; the flight goes on and brings it all."""
    platforms = three()
    async with serving(platforms, time) as client:
        hurried = await client.get("/v1/tasks", headers=HURRY)
        beside = await client.get("/v1/tasks")
        accounts = await get(client, "/v1/accounts")
        platforms["eu2"].gate.set()
        await idle()
        whole = await get(client, "/v1/tasks")

    assert (hurried.status_code, ids(hurried.json())) == (200, ["us5.1", "au1.1"])
    assert problems(hurried.json()) == [None, "upstream-timeout", None]
    assert hurried.headers["cache-control"] == "private, max-age=4"
    assert "stored; collapsed; detail=late" in hurried.headers["cache-status"]
    assert (beside.content, beside.headers["age"]) == (hurried.content, "0")
    assert {each["status"] for each in accounts["items"]} == {"ok", "unknown"}
    assert (whole["meta"]["complete"], platforms["eu2"].calls("/tasks")) == (True, 1)


async def test_kept_shortly(time: FakeTime) -> None:
    """What was made in a hurry is kept for five seconds at most, counted from its making."""
    platforms = three()
    async with serving(platforms, time) as client:
        asked = asyncio.create_task(client.get("/v1/tasks", headers={"X-Request-Timeout-Ms": "50"}))
        await idle()
        time.now += 60
        await asked
        time.now += 4
        kept = await client.get("/v1/tasks")
        time.now += 1
        again = await client.get("/v1/tasks", headers=HURRY)

    assert (kept.headers["age"], "hit" in kept.headers["cache-status"]) == ("64", True)
    assert "fwd=stale" in again.headers["cache-status"]


async def test_made_once(time: FakeTime) -> None:
    """All who run out of time together get one and the same answer."""
    async with serving(three(), time) as client:
        asked = (client.get("/v1/tasks", headers=HURRY) for _ in range(5))
        answers = await asyncio.gather(*asked)

    stored = ["stored" in answer.headers["cache-status"] for answer in answers]
    assert sorted(stored) == [False] * 4 + [True]
    assert len({answer.headers["etag"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("path", "hanging"),
    [
        pytest.param("/v1/tasks?partial=deny", ["eu2"], id="denied"),
        pytest.param("/v1/tasks", ["au1", "eu2", "us5"], id="nothing there"),
        pytest.param("/v1/tasks/9", ["eu2"], id="might have it"),
    ],
)
async def test_too_late(time: FakeTime, path: str, hanging: list[str]) -> None:
    """Where a gap won't do, or all is gap, no answer in time is 504."""
    platforms = three()
    for alias in hanging:
        platforms[alias].gate.clear()
    async with serving(platforms, time) as client:
        answer = await client.get(path, headers=HURRY)

    assert (answer.status_code, answer.json()["code"]) == (504, "upstream-timeout")


async def test_not_stored(time: FakeTime) -> None:
    """What is made for one who wants nothing kept is not kept."""
    platforms = three()
    async with serving(platforms, time) as client:
        answer = await client.get("/v1/tasks", headers=HURRY | {"Cache-Control": "no-store"})
        again = await client.get("/v1/tasks?cached_only=true")

    assert (answer.status_code, again.status_code) == (200, 504)


async def test_one_item(time: FakeTime) -> None:
    """An item that was found is told to who has no more time, though another may have it too."""
    async with serving(three() | {"us5": FakeUpstream()}, time) as client:
        answer = await client.get("/v1/tasks/1", headers=HURRY)

    assert (answer.status_code, answer.json()["id"]) == (200, "au1.1")
    assert answer.headers["cache-control"] == "private, max-age=4"


async def test_ambiguous_already(time: FakeTime) -> None:
    """An id that two accounts have is ambiguous, whatever a third would say."""
    async with serving(three(), time) as client:
        answer = await client.get("/v1/tasks/1", headers=HURRY)

    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous-id")


@pytest.mark.parametrize("late", ["/tasks", "/activities"])
async def test_steps(time: FakeTime, late: str) -> None:
    """Steps that were not read in time are unknown, and only who was asked for them is blamed."""
    platforms = three()
    eu2 = platforms["eu2"]

    async def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(late):
            eu2.gate.set()
        reply = await eu2(request)
        eu2.gate.clear()
        return reply

    parts = platforms | {"eu2": httpx.MockTransport(answer)}
    async with serving(parts, time) as client:
        body = (await client.get(STEPS, headers=HURRY)).json()

    assert problems(body) == [None, "upstream-timeout", None]
    known = {item["id"]: item["activities"] is not None for item in body["items"]}
    asked = late == "/activities"
    assert known == {"us5.1": asked, "au1.1": asked} | ({"eu2.1": False} if asked else {})
    told = "No time was left to read the activities of the tasks of au1."
    assert (told in body["meta"]["notes"]) is not asked


async def test_not_to_blame(time: FakeTime) -> None:
    """An account that was not asked, since another used up the time, is not to blame."""
    platforms = three()

    async def hang(request: httpx.Request) -> httpx.Response:
        try:
            return await platforms["eu2"](request)
        finally:
            time.now += 0.05

    parts = platforms | {"eu2": httpx.MockTransport(hang)}
    async with serving(parts, time, upstream={"deadline_s": 0.05}) as client:
        body = await get(client, STEPS)
        accounts = await get(client, "/v1/accounts")

    assert problems(body) == [None, "upstream-timeout", None]
    assert (body["meta"]["complete"], {item["activities"] for item in body["items"]}) == (
        False,
        {None},
    )
    assert [each["status"] for each in accounts["items"]] == ["ok", "down", "ok"]
    assert platforms["au1"].calls("/activities") == 0
