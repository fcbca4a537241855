"""What costs of a rate: questions that reach the platform, and nothing else."""

import asyncio

from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.serving import idle, serving
from tests.support.upstream import FakeUpstream, a_task


def settings() -> dict[str, object]:
    """Two consumers; `slow` may cause one question a second."""
    return required(slow={"rate": "1/s"}, other={"rate": "1/s"})


async def test_free(time: FakeTime) -> None:
    """A hit and a 304 are free; the next question is 429 until the second is over."""
    async with serving({"eu2": FakeUpstream(clock=time.clock)}, time, **settings()) as client:
        first = await client.get("/v1/tasks", headers=bearer("slow"))
        kept = bearer("slow") | {"If-None-Match": first.headers["etag"]}
        free = [await client.get("/v1/tasks", headers=kept) for _ in range(5)]
        refused = await client.get("/v1/tasks?limit=1", headers=bearer("slow"))
        time.now += 1
        later = await client.get("/v1/tasks?limit=1", headers=bearer("slow"))

    assert [answer.status_code for answer in (first, *free)] == [200, *[304] * 5]
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"] == '"default";r=0;t=1'
    assert refused.headers["ratelimit-policy"] == '"default";q=1;w=1'
    assert later.status_code == 200


async def test_shared_wait(time: FakeTime) -> None:
    """Who waits for what another asked pays nothing."""
    platform = FakeUpstream(clock=time.clock)
    async with serving({"eu2": platform}, time, **settings()) as client:
        platform.gate.clear()
        first = asyncio.create_task(client.get("/v1/tasks", headers=bearer("other")))
        await idle()
        second = asyncio.create_task(client.get("/v1/tasks", headers=bearer("slow")))
        await idle()
        platform.gate.set()
        both = [await first, await second]
        third = await client.get("/v1/tasks?limit=1", headers=bearer("slow"))

    assert [answer.headers["ratelimit"] for answer in both] == [
        '"default";r=0;t=1',
        '"default";r=1;t=0',
    ]
    assert third.status_code == 200


async def test_one_request(time: FakeTime) -> None:
    """A request costs one, though it asks for a task and for its activities."""
    platform = FakeUpstream(tasks=[a_task(1)], clock=time.clock)
    async with serving({"eu2": platform}, time, **settings()) as client:
        answer = await client.get("/v1/tasks/eu2.1/activities", headers=bearer("slow"))

    assert (answer.status_code, platform.calls("/activities")) == (200, 1)


async def test_refresh(time: FakeTime) -> None:
    """Who has nothing left is still served what is old; it is just not refreshed for them."""
    platform = FakeUpstream(clock=time.clock)
    async with serving({"eu2": platform}, time, **settings()) as client:
        await client.get("/v1/tasks", headers=bearer("slow"))
        time.now += 11
        await client.get("/v1/tasks?limit=1", headers=bearer("slow"))
        old = await client.get("/v1/tasks", headers=bearer("slow"))
        await idle()

    assert (old.status_code, old.headers["age"]) == (200, "11")
    assert platform.calls("/tasks") == 2
