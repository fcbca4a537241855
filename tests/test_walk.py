"""Whole walks over living sandboxes: the promise of cursors, on all the data there is."""

import httpx
import pytest
from starlette.applications import Starlette

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving, walk

# They need nothing of the machine but its time: each is some hundreds of pages.
pytestmark = pytest.mark.machine
LOGIN = {"client_id": DEFAULT_CLIENT_ID, "secret": DEFAULT_CLIENT_SECRET}


def existing(alias: str, sandbox: Starlette, now_s: float, noun: str = "tasks") -> set[str]:
    """Return the ids of all tasks, or activities, that a sandbox holds."""
    dataset, now_ns = sandbox.state.dataset, int(now_s * 1e9)
    rows = dataset.task_rows(now_ns) if noun == "tasks" else dataset.activity_rows(now_ns)
    return {f"{alias}.{row['id']}" for row in rows}


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize(
    ("noun", "limit", "most"), [("tasks", 7, 4_500), ("activities", 200, 9_000)]
)
async def test_ninety_days(time: FakeTime, noun: str, limit: int, most: int, sort: str) -> None:
    """A walk over 90 days returns everything that existed at its start exactly once."""
    sandbox = create_sandbox(clock=time.clock)
    existed = existing("eu2", sandbox, time.clock(), noun)
    async with serving({"eu2": httpx.ASGITransport(sandbox)}, time, **LOGIN) as client:
        pages = await walk(client, f"/v1/{noun}?limit={limit}&sort={sort}", time=time, step_s=3)

    found = ids(*pages)
    assert len(existed) > most
    assert len(found) == len(set(found))
    assert existed <= set(found)
    created = [item["created_at"] for page in pages for item in page["items"]]
    assert created == sorted(created, reverse=sort.startswith("-"))


async def test_steps(time: FakeTime) -> None:
    """Steps are the same in their tasks, in the list of one task, in its tree and among all."""
    sandbox = create_sandbox(clock=time.clock)
    async with serving({"eu2": httpx.ASGITransport(sandbox)}, time, **LOGIN) as client:
        tasks = (await get(client, "/v1/tasks?limit=100&include=activities"))["items"]
        listed = [await get(client, f"/v1/tasks/{each['id']}/activities") for each in tasks]
        trees = [
            await get(client, f"/v1/tasks/{each['id']}/activities?view=tree") for each in tasks
        ]
        asked = ",".join(each["id"] for each in tasks)
        together = await get(client, f"/v1/activities?task={asked}&limit=1000&sort=created_at")

    assert [each["activities"] for each in tasks] == [each["items"] for each in listed]
    text = "".join(str(each["items"]) for each in trees)
    assert all(text.count(f"'id': '{each}'") == 1 for each in ids(*listed))
    assert sorted(ids(together)) == sorted(ids(*listed))
    assert len(ids(together)) > len(tasks)


async def test_three_accounts(time: FakeTime) -> None:
    """Three accounts make one walk, though each task ties with two others in time and number."""
    sandboxes = {alias: create_sandbox(clock=time.clock) for alias in ("au1", "eu2", "us5")}
    existed = set[str]().union(
        *(existing(alias, sandbox, time.clock()) for alias, sandbox in sandboxes.items())
    )
    transports = {alias: httpx.ASGITransport(each) for alias, each in sandboxes.items()}
    async with serving(transports, time, **LOGIN) as client:
        pages = await walk(client, "/v1/tasks?limit=100", time=time, step_s=3)

    found = ids(*pages)
    assert len(found) == len(set(found))
    assert existed <= set(found)


async def test_three_seeds(time: FakeTime) -> None:
    """Accounts with data of their own are merged by time, whole."""
    seeds = {"au1": 1, "eu2": 2, "us5": 3}
    transports = {
        alias: httpx.ASGITransport(create_sandbox(clock=time.clock, seed=seed))
        for alias, seed in seeds.items()
    }
    query = "/v1/tasks?created_after=24h"
    async with serving(transports, time, **LOGIN) as client:
        whole = await get(client, f"{query}&limit=1000")
        pages = await walk(client, f"{query}&limit=150", time=time)

    created = [item["created_at"] for item in whole["items"]]
    assert created == sorted(created, reverse=True)
    assert ids(*pages) == ids(whole)


@pytest.mark.parametrize("status", ["running", "canceling", "queued", "unknown", "failed"])
async def test_statuses(time: FakeTime, status: str) -> None:
    """Each status is found whole, whether the platform filters or the gateway does."""
    sandbox = create_sandbox(clock=time.clock)
    async with serving({"eu2": httpx.ASGITransport(sandbox)}, time, **LOGIN) as client:
        pages = await walk(client, "/v1/tasks?limit=1000")
        wanted = [
            item["id"] for page in pages for item in page["items"] if item["status"] == status
        ]
        filtered = await walk(client, f"/v1/tasks?limit=7&status={status}")
        batch = await get(client, f"/v1/tasks?id={','.join(wanted[:50]) or '1'}")

    assert ids(*filtered) == wanted
    assert len(batch["items"]) == len(wanted[:50])
