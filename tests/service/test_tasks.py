"""One question is asked once, shared by all who ask, and kept for its time."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message
from structlog.testing import capture_logs

from tests.support.platform import FakeTime
from tests.support.serving import get, idle, serving
from tests.support.upstream import FakeUpstream, a_task

RUNNING = {"state": "started", "result": None, "completedAt": None}


async def bare_get(app: FastAPI, path: str) -> tuple[dict[bytes, bytes], bytes]:
    """Ask without httpx, whose requests would cost more than all the rest."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app({**scope, "asgi": {"version": "3.0"}}, receive, send)
    return dict(sent[0]["headers"]), sent[1]["body"]


async def test_many_callers(app: FastAPI, upstream: FakeUpstream) -> None:
    """A hundred callers on a cold key cost one upstream call and get equal bytes and ETag."""
    upstream.gate.clear()
    with capture_logs():
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(bare_get(app, "/v1/tasks")) for _ in range(100)]
            await idle()
            upstream.gate.set()

    answers = [each.result() for each in asked]
    assert upstream.calls("/tasks") == 1
    assert len({(headers[b"etag"], body) for headers, body in answers}) == 1
    told = [headers[b"cache-status"].decode() for headers, _ in answers]
    assert sum("collapsed" in text for text in told) == 99
    assert len(json.loads(answers[0][1])["items"]) == 12


async def test_first_caller_leaves(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """The first of 51 callers may leave: one call, fifty answers, and nothing is left behind."""
    before = asyncio.all_tasks()
    upstream.gate.clear()
    first = asyncio.create_task(client.get("/v1/tasks"))
    await idle()
    others = [asyncio.create_task(client.get("/v1/tasks")) for _ in range(50)]
    await idle()
    first.cancel()
    await idle()
    upstream.gate.set()
    answers = await asyncio.gather(*others)

    assert first.cancelled()
    assert [answer.status_code for answer in answers] == [200] * 50
    assert upstream.calls("/tasks") == 1
    assert asyncio.all_tasks() == before


async def test_cold_callers(app: FastAPI, upstream: FakeUpstream) -> None:
    """Two hundred callers on a cold key of a failing platform cost three calls, and hear alike."""
    upstream.fail_next(500, path="/tasks", times=99)
    with capture_logs():
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(bare_get(app, "/v1/tasks")) for _ in range(200)]

    problems = [json.loads(each.result()[1]) for each in asked]
    told = {(each["code"], each["detail"], each["account"]) for each in problems}
    assert told == {("upstream-error", "The platform failed with status 500.", "eu2")}
    assert upstream.calls("/tasks") <= 3


@pytest.mark.parametrize("wish", ["", "no-cache"])
async def test_hanging(time: FakeTime, upstream: FakeUpstream, wish: str) -> None:
    """A platform that hangs is waited for until the deadline; what is kept then stands in."""
    async with serving({"eu2": upstream}, time, upstream={"deadline_s": 0.05}) as client:
        await get(client, "/v1/tasks")
        time.now += 50
        upstream.gate.clear()
        old = await client.get("/v1/tasks", headers={"Cache-Control": wish})
        none = await client.get("/v1/tasks?limit=1")

    assert (old.status_code, old.headers["age"]) == (200, "50")
    assert old.headers["cache-status"].endswith("detail=stale-if-error")
    assert (none.status_code, none.json()["code"]) == (504, "upstream-timeout")


async def test_failure_shared(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A failure is told to all who wait for it and costs what one question costs."""
    upstream.gate.clear()
    upstream.fail_next(429, path="/tasks")
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(client.get("/v1/tasks")) for _ in range(10)]
        await idle()
        upstream.gate.set()

    assert {each.result().status_code for each in asked} == {503}
    assert upstream.calls("/tasks") == 1


async def test_failure_kept(
    client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime
) -> None:
    """A failure is kept for two seconds, then the platform is asked again."""
    upstream.fail_next(400, path="/tasks")
    first = await client.get("/v1/tasks")
    time.now += 1.9
    second = await client.get("/v1/tasks")
    time.now += 0.2
    third = await client.get("/v1/tasks")

    assert [each.status_code for each in (first, second, third)] == [502, 502, 200]
    assert second.headers["cache-status"] == "taskgate; hit; ttl=0"
    assert upstream.calls("/tasks") == 2


@pytest.mark.parametrize(
    ("path", "ttl_s"),
    [
        ("/v1/tasks", 10),
        ("/v1/tasks?status=running", 10),
        ("/v1/tasks?status_group=failure", 60),
        ("/v1/tasks?completed_before=2026-11-23T10:00:00Z", 60),
        ("/v1/tasks/eu2.1", 3600),
        ("/v1/tasks/eu2.99", 5),
        ("/v1/tasks/eu2.7", 5),
    ],
    ids=["list", "unfinished", "finished", "completed", "item", "missing", "running"],
)
async def test_lifetimes(
    client: httpx.AsyncClient,
    upstream: FakeUpstream,
    time: FakeTime,
    path: str,
    ttl_s: int,
) -> None:
    """Each kind of answer is fresh for its time."""
    upstream.tasks[6] |= RUNNING
    first = await client.get(path)
    time.now += ttl_s - 0.5
    kept = await client.get(path)
    time.now += 1
    again = await client.get(path)
    await idle()

    assert [each.status_code for each in (kept, again)] == [first.status_code] * 2
    assert kept.headers["cache-status"] == "taskgate; hit; ttl=0"
    assert again.headers["cache-status"] in {
        "taskgate; hit; ttl=-1",
        "taskgate; fwd=stale; fwd-status=404; stored",
    }
    assert len([each for each in upstream.requests if each.method == "GET"]) == 2


@pytest.mark.parametrize(
    "path",
    ["/v1/tasks/1", "/v1/tasks/eu2.1", "/v1/tasks/EU2.1"],
    ids=["bare", "ours", "case"],
)
async def test_one_by_number(client: httpx.AsyncClient, upstream: FakeUpstream, path: str) -> None:
    """A task is found by its number, with the alias or without, and both are one question."""
    found = await get(client, path)
    await get(client, "/v1/tasks/eu2.1")

    assert (found["id"], found["object"]) == ("eu2.1", "task")
    assert upstream.calls("/tasks/1") == 1


@pytest.mark.parametrize(
    "text",
    ["00000000-0000-4000-8000-000000000003", "eu2.00000000-0000-4000-8000-000000000003"],
    ids=["bare", "ours"],
)
async def test_one_by_uuid(client: httpx.AsyncClient, upstream: FakeUpstream, text: str) -> None:
    """A task is found by its UUID, in either case, by one upstream call."""
    found = await get(client, f"/v1/tasks/{text.upper()}")

    assert found["id"] == "eu2.3"
    assert upstream.calls("/tasks") == 1


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("99", 1),
        ("eu2.99", 1),
        ("us5.1", 0),
        ("nonsense", 0),
        ("00000000-0000-4000-8000-000000000099", 1),
    ],
    ids=["bare", "ours", "no-account", "no-form", "uuid"],
)
async def test_none(
    client: httpx.AsyncClient, upstream: FakeUpstream, text: str, calls: int
) -> None:
    """An id that nobody knows is 404; one without a valid form is not even asked."""
    answer = await client.get(f"/v1/tasks/{text}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "task-not-found"
    assert upstream.calls("/tasks") + upstream.calls("/tasks/99") == calls


async def test_other_question(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Equal questions are one key, however they are spelt; others are others."""
    for query in (
        "status=failed,succeeded&limit=100",
        "sort=-created_at&status=SUCCEEDED&status=failed&status=failed",
        "status=failed",
    ):
        await get(client, f"/v1/tasks?{query}")

    assert upstream.calls("/tasks") == 2


async def test_seed(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Ids beyond 2^53 keep every digit on their way out, in and out again."""
    upstream.tasks.append(a_task(944455285181775873))
    found = await get(client, "/v1/tasks/944455285181775873")

    assert found["id"] == "eu2.944455285181775873"
    assert upstream.calls("/tasks/944455285181775873") == 1


@pytest.mark.parametrize(
    "query",
    ["state=completed&status=queued", "created_after=24h&created_before=2020-01-01T00:00:00Z"],
    ids=["states", "window"],
)
async def test_nothing_can_match(
    client: httpx.AsyncClient, upstream: FakeUpstream, query: str
) -> None:
    """What no task can match is answered whole and empty, and not asked."""
    body = await get(client, f"/v1/tasks?{query}")

    assert (body["items"], body["meta"]["complete"]) == ([], True)
    assert upstream.calls("/tasks") == 0
