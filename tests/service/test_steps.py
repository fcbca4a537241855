"""`/v1/tasks/{id}/activities`: the steps of one task, flat and as a tree."""

import asyncio
from itertools import pairwise

import httpx
import pytest

from tests.support.nesting import nested
from tests.support.platform import FakeTime
from tests.support.serving import dawdling, get, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task, an_activity

UUID = "00000000-0000-4000-8000-000000000001"


def a_step(number: int, parent: int | None = None, task: int = 1) -> dict[str, object]:
    """Return a step of a task, below another."""
    return an_activity(number, task, parentActivityId=parent)


def family() -> FakeUpstream:
    """Return a platform whose first task has steps of every kin, the root numbered as the task."""
    steps = [a_step(5, 77), a_step(6, 6), a_step(8, 9), a_step(9, 8), a_step(1), a_step(2, 1)]
    other = a_step(4, 1, task=2)
    return FakeUpstream(
        tasks=[a_task(1), a_task(2), a_task(3)], activities=[*steps, a_step(3, 2), other]
    )


@pytest.mark.parametrize(
    "text",
    ["eu2.1", "EU2.1", "1", UUID, f"eu2.{UUID}"],
    ids=["ours", "case", "bare", "uuid", "our uuid"],
)
async def test_flat(time: FakeTime, text: str) -> None:
    """The steps of one task are listed oldest first, however its id is written."""
    platform = family()
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, f"/v1/tasks/{text}/activities")
        same = await get(client, "/v1/tasks/eu2.1/activities?view=FLAT")

    assert ids(body) == [f"eu2.{number}" for number in (1, 2, 3, 5, 6, 8, 9)]
    assert {item["task_id"] for item in body["items"]} == {"eu2.1"}
    assert "children" not in body["items"][0]
    assert body == same
    assert platform.calls("/activities") == 1


async def test_tree(time: FakeTime) -> None:
    """In the tree each step is below its parent; orphans, cycles and self-parents survive."""
    platform = family()
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, "/v1/tasks/eu2.1/activities?view=tree")
        await get(client, "/v1/tasks/eu2.1/activities")

    assert nested(body["items"]) == [
        [1, [[2, [[3, []]]]]],
        [5, []],
        [6, []],
        [8, [[9, []]]],
    ]
    assert body["page"] == {"limit": 1000, "has_more": False, "next_cursor": None, "next": None}
    assert platform.calls("/activities") == 2


async def test_unreadable(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A step without a readable id stands below its parent; without a readable parent, alone."""
    odd = a_step(2, 1) | {"id": 2.5, "idString": "?"}
    upstream.activities = [a_step(1), odd, a_step(3, 1) | {"parentActivityId": "x"}]
    body = await get(client, "/v1/tasks/1/activities?view=tree")

    assert [item["id"] for item in body["items"]] == ["eu2.1", "eu2.3"]
    assert [item["anomalies"] for item in body["items"][0]["children"]] == [["unreadable"]]


async def test_twins(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A step that the platform sends twice stands there once."""
    upstream.activities = [a_step(1), a_step(2, 1), a_step(2, 1)]
    body = await get(client, "/v1/tasks/1/activities?view=tree")

    assert nested(body["items"]) == [[1, [[2, []]]]]


async def test_deep(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Two hundred levels are answered whole, in a hundred."""
    line = [a_step(below, above) for above, below in pairwise(range(1, 201))]
    upstream.activities = [a_step(1), *line]
    answer = await client.get("/v1/tasks/1/activities?view=tree&fields=parent_id")

    assert answer.text.count('"id":"eu2.') == 200
    assert answer.text.count('"parent_id":') == 200
    assert "]}" * 99 in answer.text


async def test_shape(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """In a tree `fields` and `include` shape every step, and `children` stays."""
    upstream.activities = [a_step(1), a_step(2, 1) | {"result": {"code": "ok", "payload": [2]}}]
    query = "view=tree&fields=status&include=result_payload"
    body = await get(client, f"/v1/tasks/1/activities?{query}")

    child = {"id": "eu2.2", "status": "succeeded", "result_payload": [2], "children": []}
    root = {"id": "eu2.1", "status": "succeeded", "result_payload": None, "children": [child]}
    assert body["items"] == [root]


@pytest.mark.parametrize("view", ["flat", "tree"])
async def test_thousands(time: FakeTime, view: str) -> None:
    """The walk of a task with more steps than a page holds goes on flat, and has each once."""
    steps = [a_step(number, number // 2 or None) for number in range(1, 2_101)]
    platform = FakeUpstream(tasks=[a_task(1)], activities=steps)
    async with serving({"eu2": platform}, time) as client:
        pages = await walk(client, f"/v1/tasks/1/activities?fields=id&view={view}")

    text = "".join(str(page["items"]) for page in pages)
    assert [text.count(f"'eu2.{number}'") for number in range(1, 2_101)] == [1] * 2_100
    assert pages[0]["page"]["next"].startswith("/v1/activities?cursor=")
    assert ["children" in page["items"][0] for page in pages] == [view == "tree", False, False]


async def test_no_steps(time: FakeTime) -> None:
    """A task without steps has an empty list; a task that is not there is 404."""
    async with serving({"eu2": family()}, time) as client:
        empty = await get(client, "/v1/tasks/3/activities?view=tree")
        answers = [
            await client.get(f"/v1/tasks/{text}/activities")
            for text in ("99", "eu2.99", "xx.1", "nonsense", UUID.replace("1", "9"))
        ]

    assert (empty["items"], empty["meta"]["complete"]) == ([], True)
    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (404, "task-not-found")
    }


@pytest.mark.parametrize("path", ["/tasks/1", "/activities"])
async def test_failure(time: FakeTime, path: str) -> None:
    """A platform that fails is no missing task and no task without steps."""
    platform = family()
    platform.fail_next(429, path=path)
    async with serving({"eu2": platform}, time) as client:
        answer = await client.get("/v1/tasks/eu2.1/activities")

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-throttled")


async def test_accounts(time: FakeTime) -> None:
    """Only the task's account is asked for steps; an id that two accounts know is 409."""
    platforms = {"eu2": family(), "us5": FakeUpstream(tasks=[a_task(2)])}
    platforms["us5"].activities = [a_step(1)]
    async with serving(platforms, time) as client:
        found = await get(client, "/v1/tasks/1/activities")
        twice = await client.get("/v1/tasks/2/activities")

    assert {item["account"] for item in found["items"]} == {"eu2"}
    assert platforms["us5"].calls("/activities") == 0
    assert (twice.status_code, twice.json()["code"]) == (409, "ambiguous-id")


async def test_other_account_fails(time: FakeTime) -> None:
    """A bare id that no account shows is not missing while one of them fails."""
    platforms = {"eu2": family(), "us5": FakeUpstream()}
    platforms["us5"].break_next(httpx.ConnectError("refused"), times=99)
    async with serving(platforms, time) as client:
        answer = await client.get("/v1/tasks/99/activities")
        found = await get(client, "/v1/tasks/1/activities")

    assert (answer.status_code, answer.json()["account"]) == (503, "us5")
    assert len(found["items"]) == 7


async def test_one_deadline(time: FakeTime) -> None:
    """Who gives no time waits no longer than one deadline for the task and its steps together."""
    transport = dawdling(family(), time, spend_s=89.99)
    async with serving({"eu2": transport}, time) as client, asyncio.timeout(5):
        answer = await client.get("/v1/tasks/eu2.1/activities")

    assert (answer.status_code, answer.json()["code"]) == (504, "upstream-timeout")
    assert "you" not in answer.json()["detail"]


async def test_one_wait(time: FakeTime) -> None:
    """The time that a caller gives is given once: what the task took is not left for its steps."""
    transport = dawdling(family(), time, spend_s=30)
    async with serving({"eu2": transport}, time) as client:
        answer = await client.get(
            "/v1/tasks/eu2.1/activities", headers={"X-Request-Timeout-Ms": "30000"}
        )

    assert (answer.status_code, answer.json()["code"]) == (504, "upstream-timeout")
