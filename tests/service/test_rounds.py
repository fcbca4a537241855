"""Who has less time than the accounts need gets what there is, and nobody else is blamed for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.cache.answers import Loaded
from app.service.accounts import AccountBook
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.rounds import Rounds, UnderWay
from tests.support.platform import FakeTime
from tests.support.serving import get, idle, ids, serving
from tests.support.upstream import FakeUpstream, a_task, an_activity

HURRY = {"X-Request-Timeout-Ms": "1"}
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


@asynccontextmanager
async def under_way(client: httpx.AsyncClient, path: str) -> AsyncIterator[None]:
    """Have a patient caller ask, until all who answer have answered; he leaves in the end."""
    patient = asyncio.create_task(client.get(path))
    await idle()
    yield
    patient.cancel()
    await asyncio.wait([patient])


async def hurried(client: httpx.AsyncClient, path: str, **headers: str) -> httpx.Response:
    """Return what one who has no time gets while another waits for all."""
    async with under_way(client, path):
        return await client.get(path, headers=HURRY | headers)


async def test_so_far(time: FakeTime) -> None:
    """Who has no more time gets what the others answered; the flight goes on and brings it all."""
    platforms = three()
    async with serving(platforms, time) as client:
        early = await hurried(client, "/v1/tasks")
        beside = await client.get("/v1/tasks")
        accounts = await get(client, "/v1/accounts")
        platforms["eu2"].gate.set()
        await idle()
        whole = await get(client, "/v1/tasks")

    assert (early.status_code, ids(early.json())) == (200, ["us5.1", "au1.1"])
    assert problems(early.json()) == [None, "upstream-timeout", None]
    assert early.headers["cache-control"] == "private, max-age=4"
    assert "stored; collapsed; detail=late" in early.headers["cache-status"]
    assert (beside.content, beside.headers["age"]) == (early.content, "0")
    assert {each["status"] for each in accounts["items"]} == {"ok", "unknown"}
    assert (whole["meta"]["complete"], platforms["eu2"].calls("/tasks")) == (True, 1)


async def test_kept_shortly(time: FakeTime) -> None:
    """What was made in a hurry is kept for five seconds at most, counted from its making."""
    platforms = three()
    async with serving(platforms, time) as client:
        async with under_way(client, "/v1/tasks"):
            time.now += 60
            await client.get("/v1/tasks", headers=HURRY)
        time.now += 4
        kept = await client.get("/v1/tasks")
        time.now += 1
        again = await client.get("/v1/tasks", headers=HURRY)

    assert (kept.headers["age"], "hit" in kept.headers["cache-status"]) == ("64", True)
    assert "fwd=stale" in again.headers["cache-status"]


async def test_made_once(time: FakeTime) -> None:
    """All who run out of time together get one and the same answer."""
    async with serving(three(), time) as client, under_way(client, "/v1/tasks"):
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
        answer = await hurried(client, path)

    assert (answer.status_code, answer.json()["code"]) == (504, "upstream-timeout")


async def test_not_stored(time: FakeTime) -> None:
    """What is made for one who wants nothing kept is not kept."""
    platforms = three()
    async with serving(platforms, time) as client:
        answer = await hurried(client, "/v1/tasks", **{"Cache-Control": "no-store"})
        again = await client.get("/v1/tasks?cached_only=true")

    assert (answer.status_code, again.status_code) == (200, 504)


async def test_one_item(time: FakeTime) -> None:
    """An item that was found is told to who has no more time, though another may have it too."""
    async with serving(three() | {"us5": FakeUpstream()}, time) as client:
        answer = await hurried(client, "/v1/tasks/1")

    assert (answer.status_code, answer.json()["id"]) == (200, "au1.1")
    assert answer.headers["cache-control"] == "private, max-age=4"


async def test_ambiguous_already(time: FakeTime) -> None:
    """An id that two accounts have is ambiguous, whatever a third would say."""
    async with serving(three(), time) as client:
        answer = await hurried(client, "/v1/tasks/1")

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
        body = (await hurried(client, STEPS)).json()

    assert problems(body) == [None, "upstream-timeout", None]
    known = {item["id"]: item["activities"] is not None for item in body["items"]}
    asked = late == "/activities"
    assert known == {"us5.1": asked, "au1.1": asked} | ({"eu2.1": False} if asked else {})
    told = "No time was left to read the activities of the tasks of au1."
    assert (told in body["meta"]["notes"]) is not asked


@pytest.mark.parametrize("answers", [False, True], ids=["silent", "late"])
async def test_not_to_blame(time: FakeTime, *, answers: bool) -> None:
    """An account that was not asked, since another used up the time, is not to blame."""
    platforms = three()
    platforms["eu2"].gate.set()

    async def dawdle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/tasks"):
            await idle()
            time.now += 89
            if not answers:
                raise httpx.ReadTimeout("")
        return await platforms["eu2"](request)

    parts = platforms | {"eu2": httpx.MockTransport(dawdle)}
    async with serving(parts, time) as client:
        body = await get(client, STEPS)
        accounts = await get(client, "/v1/accounts")

    assert problems(body) == [None, "upstream-timeout", None]
    assert body["meta"]["complete"] is False
    assert [item["activities"] for item in body["items"]] == [None] * (2 + answers)
    assert [each["status"] for each in accounts["items"]] == [
        "ok",
        "ok" if answers else "down",
        "ok",
    ]
    assert platforms["au1"].calls("/activities") == 0


@pytest.mark.parametrize(
    ("spend_s", "blamed"),
    [pytest.param(0.065, True, id="a fair time"), pytest.param(0.1, False, id="too short a time")],
)
async def test_silent_steps(time: FakeTime, spend_s: float, *, blamed: bool) -> None:
    """Steps that hang are silence of their account, for the breaker too, unless it had no time."""
    platforms = {each: FakeUpstream(tasks=[a_task(1)]) for each in ("au1", "eu2")}

    async def answer(request: httpx.Request) -> httpx.Response:
        alias = request.url.host.partition(".")[0]
        if request.url.path.endswith("/tasks") and alias == "au1":
            await idle()
            time.now += spend_s
        if request.url.path.endswith("/activities") and alias == "eu2":
            time.now = 0.14
            await asyncio.Event().wait()
        return await platforms[alias](request)

    parts = dict.fromkeys(platforms, httpx.MockTransport(answer))
    async with serving(parts, time, upstream={"deadline_s": 0.14, "timeout_s": 0.14}) as client:
        body = await get(client, STEPS)
        accounts = await get(client, "/v1/accounts")
        figures = (await client.get("/metrics")).text

    assert problems(body) == [None, "upstream-timeout" if blamed else None]
    assert (body["meta"]["complete"], len(body["meta"].get("notes", []))) == (False, not blamed)
    assert [each["status"] for each in accounts["items"]] == ["ok", "degraded" if blamed else "ok"]
    called = 'endpoint="activities",outcome="timeout"'
    assert (called in figures) is blamed


async def test_not_begun() -> None:
    """A load that has not begun has nothing yet, nor has one that ended."""
    fanout = Fanout({}, AccountBook({}, sandbox=False), deadline_s=1, clock=float, monotonic=float)
    under_way = UnderWay(fanout)

    async def load(rounds: Rounds) -> Loaded[Answer]:
        await rounds.ask([], lambda *_: idle())
        return Loaded(Answer(b"", ""), 0, 0.0)

    before = await under_way.so_far("key", load)
    await under_way.whole("key", load)

    assert (before, await under_way.so_far("key", load)) == (None, None)


async def test_no_rest_in_a_hurry() -> None:
    """Who loads lets others have turns; who tells what there is so far does not."""
    fanout = Fanout({}, AccountBook({}, sandbox=False), deadline_s=1, clock=float, monotonic=float)
    rounds, turns = Rounds(fanout), list[str]()
    asyncio.get_running_loop().call_soon(turns.append, "another's")

    await rounds.so_far().rest()
    before = [*turns]
    await rounds.rest()

    assert (before, turns) == ([], ["another's"])
