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


def existing(alias: str, sandbox: Starlette, now_s: float) -> set[str]:
    """Return the ids of all tasks that a sandbox holds."""
    rows = sandbox.state.dataset.task_rows(int(now_s * 1e9))
    return {f"{alias}.{row['id']}" for row in rows}


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_ninety_days(time: FakeTime, sort: str) -> None:
    """A walk over 90 days by sevens returns every task that existed at its start exactly once."""
    sandbox = create_sandbox(clock=time.clock)
    existed = existing("eu2", sandbox, time.clock())
    async with serving({"eu2": httpx.ASGITransport(sandbox)}, time, **LOGIN) as client:
        pages = await walk(client, f"/v1/tasks?limit=7&sort={sort}", time=time, step_s=3)

    found = ids(*pages)
    assert len(existed) > 4_500
    assert len(found) == len(set(found))
    assert existed <= set(found)
    created = [item["created_at"] for page in pages for item in page["items"]]
    assert created == sorted(created, reverse=sort.startswith("-"))


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
