"""The fake platform is as strict as the documented one."""

import httpx
import pytest

from tests.support.upstream import BASE_PATH, TOKEN_PATH, FakeUpstream, a_task, an_activity

HEADERS = {"User-Agent": "Taskgate/1", "Accept": "application/json", "Accept-Encoding": "gzip"}


async def ask(upstream: FakeUpstream, path: str) -> httpx.Response:
    """Take a token and ask for a path with its query."""
    async with httpx.AsyncClient(
        transport=upstream.transport(), base_url="https://platform", headers=HEADERS
    ) as http:
        form = {"grant_type": "client_credentials"}
        taken = await http.post(TOKEN_PATH, data=form, auth=("client", "secret"))
        bearer = {"Authorization": f"Bearer {taken.json()['access_token']}"}
        return await http.get(f"{BASE_PATH}{path}", headers=bearer)


@pytest.mark.parametrize(
    "query",
    [
        "tenant_id=1",
        "taskId=1",
        "createdAt=gt(2020-04-22T11:00:00Z)",
        "order=asc(createdAt)",
        "before=x&limit=1",
        "after=W10=",
        "after=nonsense&limit=1",
        "after=W10=&limit=1&state=started",
        "limit=0",
        "limit=1&limit=2",
        "lod=count",
        "state=",
        "state=a(b)",
        "state=like(a)",
        "order=down(id)",
        "order=asc(progress)",
        "completedAt=gt(2020-04-22)",
        "completedAt=gt(2020-04-22T11:00:00Z)&completedAt=lt(2020-04-23T11:00:00Z)",
    ],
)
async def test_refusals(query: str) -> None:
    """What the platform refuses is refused with 400 (P§4, P§5, P§8)."""
    answer = await ask(FakeUpstream(tasks=[a_task(1)]), f"/tasks?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "BadRequest"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3]),
        ("order=desc(enqueuedAt)", [3, 2, 1]),
        ("order=asc(state)&order=desc(id)", [3, 1, 2]),
        ("order=desc(completedAt)", [3, 1, 2]),
        ("id=1&id=3", [1, 3]),
        ("state=started&resultCode=ok", []),
        ("state=started&state=completed", [1, 2, 3]),
        ("tag=nightly", [2]),
        ("policyName=like(ight)", [2]),
        ("enqueuedAt=ge(2026-01-01T00:00:02.10Z)", [2, 3]),
        ("enqueuedAt=gt(2026-01-01T00:00:02.1Z)", [3]),
        ("enqueuedAt=lt(2026-01-01T01:00:02.1%2B01:00)", [1]),
        ("completedAt=le(2026-01-01T00:00:02.3Z)", [1]),
    ],
)
async def test_filters_and_orders(query: str, found: list[int]) -> None:
    """Filters are ORed within a field and ANDed between fields; times compare by nanoseconds."""
    tasks = [a_task(3), a_task(2, state="started", tags=["nightly"], result=None), a_task(1)]
    tasks[1] |= {"policy": {"id": "p", "name": "Nightly"}, "completedAt": None}
    answer = await ask(FakeUpstream(tasks=tasks), f"/tasks?{query}")

    assert [task["id"] for task in answer.json()["items"]] == found


@pytest.mark.parametrize(
    "query",
    ["queue=backup", "priority=low", "executorId=1", "enqueuedAt=gt(2020-04-22T11:00:00Z)",
     "assignedAt=gt(2020-04-22T11:00:00Z)", "order=asc(enqueuedAt)", "order=asc(priority)"],
)  # fmt: skip
async def test_refusals_of_activities(query: str) -> None:
    """Activities lack some of what tasks can be asked for (P§4.1, 6)."""
    upstream = FakeUpstream(activities=[an_activity(2, 1)])

    assert (await ask(upstream, f"/activities?{query}")).status_code == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("taskId=1", [1, 3]),
        ("taskId=1&taskId=2&order=desc(createdAt)", [4, 3, 2, 1]),
        ("parentActivityId=1", [3]),
        ("createdAt=ge(2026-01-01T00:00:03Z)", [3, 4]),
    ],
)
async def test_activities(query: str, found: list[int]) -> None:
    """Activities are filtered by their task and their parent, apart from tasks of the same id."""
    activities = [an_activity(1, 1), an_activity(2, 2), an_activity(4, 2)]
    activities.append(an_activity(3, 1, parentActivityId=1))
    upstream = FakeUpstream(tasks=[a_task(9)], activities=activities)

    assert [
        item["id"] for item in (await ask(upstream, f"/activities?{query}")).json()["items"]
    ] == found


async def test_expired_token() -> None:
    """A token is refused when its time is over."""
    answer = await ask(FakeUpstream(token_lifetime_s=0), "/tasks")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "path", ["/tasks/7", "/tasks/x", "/activities/1", "/tasks/1/activities", "/nothing"]
)
async def test_missing(path: str) -> None:
    """What is not there is a 404 in the platform's words."""
    answer = await ask(FakeUpstream(), path)

    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


async def test_single_object() -> None:
    """A single object comes bare, and takes no filter."""
    upstream = FakeUpstream(tasks=[a_task(1)])

    assert (await ask(upstream, "/tasks/1?lod=full")).json()["idString"] == "1"
    assert (await ask(upstream, "/tasks/1?state=started")).status_code == 400
