"""`include=activities`: the steps in their tasks, by few calls, bounded, honest when they fail."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import dawdling, get, ids, serving
from tests.support.upstream import FakeUpstream, a_task, an_activity


def busy(tasks: int, *, each: int = 2) -> FakeUpstream:
    """Return a platform whose tasks have so many steps each, the first numbered as its task."""
    numbers = range(1, tasks + 1)
    steps = [
        an_activity(number + 10_000 * place, number, createdAt=f"2026-01-01T01:00:0{place}Z")
        for number in numbers
        for place in range(each)
    ]
    return FakeUpstream(tasks=[a_task(number) for number in numbers], activities=steps[::-1])


def steps_of(body: dict[str, Any]) -> dict[str, list[str] | None]:
    """Return the ids of the steps of each task."""
    return {
        item["id"]: None
        if item["activities"] is None
        else [step["id"] for step in item["activities"]]
        for item in body["items"]
    }


async def test_one_call(time: FakeTime) -> None:
    """The steps of a hundred tasks cost one upstream call; each task has its own, oldest first."""
    platform = busy(100)
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, "/v1/tasks?limit=100&include=activities")
        plain = await get(client, "/v1/tasks?limit=100")

    assert steps_of(body) == {
        f"eu2.{number}": [f"eu2.{number}", f"eu2.{number + 10_000}"] for number in range(1, 101)
    }
    assert body["meta"]["complete"] is True
    assert (platform.calls("/tasks"), platform.calls("/activities")) == (2, 1)
    assert "activities" not in plain["items"][0]


async def test_several_calls(time: FakeTime) -> None:
    """Every further hundred of tasks costs one call more, and no tasks cost none."""
    platform = busy(201, each=1)
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, "/v1/tasks?limit=1000&include=activities")
        empty = await get(client, "/v1/tasks?queue=none&include=activities")

    assert steps_of(body) == {f"eu2.{n}": [f"eu2.{n}"] for n in range(1, 202)}
    assert empty["items"] == []
    assert platform.calls("/activities") == 3


async def test_at_once(time: FakeTime) -> None:
    """The calls for the steps of one answer are all on their way before the first is answered."""
    platform, waiting = busy(201, each=1), asyncio.Barrier(3)

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/activities"):
            await waiting.wait()
        return await platform(request)

    async with serving({"eu2": httpx.MockTransport(answer)}, time) as client:
        body = await asyncio.wait_for(get(client, "/v1/tasks?limit=999&include=activities"), 5)

    assert steps_of(body) == {f"eu2.{n}": [f"eu2.{n}"] for n in range(1, 202)}


async def test_one_of_several_fails(time: FakeTime) -> None:
    """One call of several that fails is its account's failure, by its own name."""
    platform = busy(201, each=1)
    platform.fail_next(403, path="/activities")
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, "/v1/tasks?limit=1000&include=activities")

    assert set(steps_of(body).values()) == {None}
    assert body["meta"]["accounts"][0]["problem"] == "upstream-auth-failed"


async def test_none(client: httpx.AsyncClient) -> None:
    """A task without steps has an empty list; that is not null, which says unknown."""
    body = await get(client, "/v1/tasks?limit=1&include=activities")

    assert steps_of(body) == {"eu2.12": []}


async def test_bounded(time: FakeTime) -> None:
    """No more pages are read than for a filter; tasks whose steps are unknown then say null."""
    platform = busy(201, each=2)
    platform.page_max = 100
    async with serving({"eu2": platform}, time, upstream={"scan_pages_max": 3}) as client:
        body = await get(client, "/v1/tasks?limit=160&sort=created_at&include=activities")

    found = steps_of(body)
    assert [len(found[f"eu2.{number}"] or ()) for number in (1, 100)] == [2, 2]
    assert (found["eu2.101"], found["eu2.160"]) == (None, None)
    assert platform.calls("/activities") == 3
    assert body["meta"]["complete"] is True
    assert "eu2" in body["meta"]["notes"][0]


async def test_fewer_pages_than_calls(time: FakeTime) -> None:
    """Calls for which no page is left are not made; the first tasks of the answer come first."""
    platform = busy(201, each=1)
    async with serving({"eu2": platform}, time, upstream={"scan_pages_max": 2}) as client:
        body = await get(client, "/v1/tasks?limit=201&sort=created_at&include=activities")

    assert [item["id"] for item in body["items"] if item["activities"] is None] == ["eu2.201"]
    assert platform.calls("/activities") == 2


async def test_unreadable(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """The steps of a task without a readable id are unknown, and those of others are not."""
    upstream.tasks = [a_task(1), a_task(2) | {"id": 2.5, "idString": "?"}]
    upstream.activities = [an_activity(1, 1), an_activity(2, 2)]
    body = await get(client, "/v1/tasks?include=activities")

    assert sorted(map(str, steps_of(body).values())) == ["None", "['eu2.1']"]


async def test_account_fails(time: FakeTime) -> None:
    """An account whose steps fail keeps its tasks, with null in them, and says why."""
    platforms = {"eu2": busy(2), "us5": busy(2)}
    platforms["us5"].fail_next(403, path="/activities")
    async with serving(platforms, time) as client:
        answer = await client.get("/v1/tasks?include=activities&id=eu2.1,us5.1,us5.9")

    body = answer.json()
    assert steps_of(body) == {"eu2.1": ["eu2.1", "eu2.10001"], "us5.1": None}
    assert body["meta"]["complete"] is False
    assert body["meta"]["missing_ids"] == ["us5.9"]
    assert [each["problem"] for each in body["meta"]["accounts"]] == [None, "upstream-auth-failed"]
    assert body["meta"]["accounts"][1]["data_as_of"] is not None
    assert answer.headers["cache-control"] == "private, max-age=4"


@pytest.mark.parametrize("failing", [["us5"], ["eu2", "us5"]], ids=["one", "all"])
async def test_denied(time: FakeTime, failing: list[str]) -> None:
    """With `partial=deny` steps that fail are an error, as tasks that fail are."""
    platforms = {"eu2": busy(2), "us5": busy(2)}
    for alias in failing:
        platforms[alias].fail_next(429, path="/activities")
    async with serving(platforms, time) as client:
        answer = await client.get("/v1/tasks?include=activities&partial=deny")
        time.now += 10
        again = await client.get("/v1/tasks?include=activities&partial=deny")

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")
    assert (again.status_code, again.json()["meta"]["complete"]) == (200, True)


async def test_alone(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """One task has its steps too, and their failure is its own."""
    upstream.activities = [an_activity(8, 1), an_activity(7, 1), an_activity(9, 2)]
    found = await get(client, "/v1/tasks/1?include=activities&fields=status")
    upstream.fail_next(429, path="/activities")
    failed = await client.get("/v1/tasks/2?include=activities")

    assert list(found) == ["id", "status", "activities"]
    assert ids({"items": found["activities"]}) == ["eu2.7", "eu2.8"]
    assert (failed.status_code, failed.json()["code"]) == (503, "upstream-throttled")


async def test_one_deadline(time: FakeTime) -> None:
    """Tasks that took the whole time of the answer leave none for their steps."""
    transport = dawdling(busy(2), time, spend_s=90)
    async with serving({"eu2": transport}, time) as client:
        body = await get(client, "/v1/tasks?include=activities")
        alone = await client.get("/v1/tasks/eu2.1?include=activities")

    assert steps_of(body) == {"eu2.2": None, "eu2.1": None}
    assert body["meta"]["accounts"][0]["problem"] == "upstream-timeout"
    assert (alone.status_code, alone.json()["code"]) == (504, "upstream-timeout")


async def test_twins(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A step that comes twice, pages being no snapshot, stands there once."""
    upstream.activities = [an_activity(1, 12), an_activity(2, 12), an_activity(2, 12)]
    body = await get(client, "/v1/tasks?include=activities&id=12")

    assert steps_of(body) == {"eu2.12": ["eu2.1", "eu2.2"]}


ODD = {
    "no task": {"taskId": None},
    "odd task": {"taskId": "x"},
    "unreadable": {"id": 2.5, "idString": "?"},
}


@pytest.mark.parametrize(
    ("odd", "told"),
    [(ODD["no task"], "3 activities"), (ODD["unreadable"], "1 activity")],
    ids=["no task", "unreadable"],
)
async def test_strays(
    client: httpx.AsyncClient, upstream: FakeUpstream, odd: dict[str, Any], told: str
) -> None:
    """Steps that tell no task stand in none of several, and a note counts them."""
    strays = [an_activity(number, 1) | {"taskIdString": None} | odd for number in (2, 3)]
    page = {"items": [an_activity(1, 1), *strays, an_activity(4, 99)]}
    upstream.fail_next(200, body=page, path="/activities")
    body = await get(client, "/v1/tasks?include=activities&id=1,2")

    assert body["meta"]["notes"][0].startswith(f"{told} of eu2")
    assert len(steps_of(body)["eu2.1"] or ()) == 4 - int(told[0])


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_strays_of_one(
    client: httpx.AsyncClient, upstream: FakeUpstream, odd: dict[str, Any]
) -> None:
    """What the platform gives for one task alone is of that task, whatever it says."""
    page = {"items": [an_activity(1, 1), an_activity(2, 1) | {"taskIdString": None} | odd]}
    upstream.fail_next(200, body=page, path="/activities")
    answer = await client.get("/v1/tasks/1?include=activities")

    assert len(answer.json()["activities"]) == 2
    assert "link" not in answer.headers


async def test_one_with_too_many(time: FakeTime) -> None:
    """A single task with more steps than may be read says null, and where they all are."""
    platform = FakeUpstream(tasks=[a_task(1)], page_max=2)
    platform.activities = [an_activity(number, 1) for number in range(1, 9)]
    async with serving({"eu2": platform}, time, upstream={"scan_pages_max": 3}) as client:
        answer = await client.get("/v1/tasks/1?include=activities")
        kept = await client.get("/v1/tasks/1?include=activities")
        following = answer.links["related"]["url"]
        steps = await get(client, following)

    assert answer.json()["activities"] is None
    assert following == "/v1/tasks/eu2.1/activities"
    assert kept.headers["link"] == answer.headers["link"]
    assert len(steps["items"]) == 8
