"""What a question costs and what an answer holds: filters, opt-in keys, chosen keys, tenants."""

import json
from typing import Any

import httpx
import pytest

from app.platform.client import PAGES_MAX
from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

RICH = {
    "policy": {"id": "p-1", "name": "Nightly backup", "type": "backup"},
    "resource": {"id": "r-1", "name": "srv-01", "type": "machine"},
    "startedByUser": "jane",
    "tags": ["nightly"],
    "workflowId": 7,
}
PUSHED = [
    "status=succeeded",
    "status=succeeded,failed",
    "status_group=success",
    "state=completed",
    "result=ok",
    "type=D332948D-A7A9-4E07-B76C-253DCF6E17FB",
    "policy_type=backup",
    "policy=P-1",
    "policy_name=Nightly%20backup",
    "policy_name=~backup",
    "resource=r-1",
    "resource_name=~srv",
    "resource_type=machine",
    "started_by=jane",
    "queue=backup",
    "priority=normal",
    "tag=nightly",
    "workflow=7",
    "agent=0d6b8c1e-52a7-4d0c-9c3f-6e1c7a5b9e31",
    "created_after=2020-01-01T00:00:00Z",
    "created_before=2027-01-01T00:00:00%2B02:00",
    "started_after=1577836800",
    "completed_after=9000d",
    "updated_before=2027-01-01T00:00:00Z",
    "created_after=2020-01-01T00:00:00Z&created_before=2027-01-01T00:00:00Z",
]
LOCAL = ["category=backup", "error_code=none", "tenant=1", "status=running,failed", "queue=(x)"]


@pytest.fixture(scope="module")
def rich() -> list[dict[str, Any]]:
    """Return more tasks than a page holds; each matches everything that is pushed down."""
    return [a_task(number, **RICH) for number in range(1, 131)]


@pytest.mark.parametrize("filters", PUSHED)
async def test_pushed_down(time: FakeTime, rich: list[dict[str, Any]], filters: str) -> None:
    """A page with one pushed-down filter costs exactly one upstream call when cold, none after."""
    platform = FakeUpstream(tasks=rich)
    async with serving({"eu2": platform}, time) as client:
        body = await get(client, f"/v1/tasks?limit=100&{filters}")
        await get(client, f"/v1/tasks?{filters}")

    assert ids(body) == [f"eu2.{number}" for number in range(130, 30, -1)]
    assert body["meta"]["scanned"] is None
    assert platform.calls("/tasks") == 1


@pytest.mark.parametrize("filters", LOCAL)
async def test_scan_budget(client: httpx.AsyncClient, upstream: FakeUpstream, filters: str) -> None:
    """A filter that is applied here reads the pages it may for one answer, and never more."""
    upstream.page_max = 1
    pages = await walk(client, f"/v1/tasks?{filters}&limit=100")

    read = [page["meta"]["scanned"] for page in pages]
    assert max(read) <= 10
    assert upstream.calls("/tasks") <= 10 * len(pages)
    assert ids(*pages) in ([], [f"eu2.{number}" for number in range(12, 0, -1)])


@pytest.mark.parametrize("pages_max", [1, 3])
async def test_scan_setting(time: FakeTime, rich: list[dict[str, Any]], pages_max: int) -> None:
    """How many pages one answer reads is a setting; a short page has more and says what it saw."""
    platform = FakeUpstream(tasks=rich, page_max=20)
    upstream = {"scan_pages_max": pages_max}
    async with serving({"eu2": platform}, time, upstream=upstream) as client:
        body = await get(client, "/v1/tasks?category=patch")

    assert (body["items"], body["page"]["has_more"]) == ([], True)
    assert body["meta"]["scanned"] == 20 * pages_max
    assert platform.calls("/tasks") == pages_max < PAGES_MAX


ODD = b'{"id": 1, "enqueuedAt":"2026-01-01T00:00:00Z",  "big":18446744073709551616123,"result":%s}'
PAYLOAD = b'{"n": 36893488147419103233, "s":"\\u00e9\xc3\xa9" ,"f":-1.0e+05}'
RESULT = b'{ "payload":  %s }' % PAYLOAD


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/1"])
async def test_raw(client: httpx.AsyncClient, upstream: FakeUpstream, path: str) -> None:
    """`raw` and `result_payload` are the platform's bytes, beyond 64 bits and to the blank."""
    item = ODD % RESULT
    upstream.fail_next(200, body=b'{"items":[%s]}' % item, path="/tasks")
    upstream.fail_next(200, body=item, path="/tasks/1")
    answer = await client.get(f"{path}?include=raw,result_payload&fields=id")

    assert b'{"id":"eu2.1","raw":%s,"result_payload":%s}' % (item, PAYLOAD) in answer.content
    assert json.loads(answer.content)


async def test_opt_in(client: httpx.AsyncClient) -> None:
    """Opt-in keys are there when asked for and only then; a payload that is not there is null."""
    plain = await get(client, "/v1/tasks/1")
    asked = await get(client, "/v1/tasks/1?include=result_payload,raw,activities")

    assert {*asked} - {*plain} == {"raw", "result_payload", "activities"}
    assert asked["result_payload"] is None
    assert asked["raw"]["idString"] == "1"


async def test_fields(client: httpx.AsyncClient) -> None:
    """`fields` cuts objects to the keys named, with dots for parts; `id` always stays."""
    body = await get(client, "/v1/tasks?limit=1&fields=tenant.id,tenant.ancestor_ids,status,error")
    alone = await get(client, "/v1/tasks/eu2.1?fields=created_at")

    cut = {"id": "1496265", "ancestor_ids": ["1", "1496262"]}
    assert body["items"] == [
        {"id": "eu2.12", "status": "succeeded", "error": None, "tenant": cut},
    ]
    assert alone == {"id": "eu2.1", "created_at": "2026-01-01T00:00:01.100Z"}


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/1", "/v1/tasks/1/activities"])
async def test_shape_is_canonical(
    client: httpx.AsyncClient, upstream: FakeUpstream, path: str
) -> None:
    """Keys in another order, twice, or below another that is named are the same question."""
    bodies = [
        (await client.get(f"{path}?{query}")).content
        for query in (
            "fields=status,tenant&include=raw,result_payload",
            "fields=tenant,status,status,id&include=result_payload&include=raw",
            "include=RAW,result_payload,raw&fields=tenant.id,tenant&fields=status",
        )
    ]
    await client.get(f"{path}?fields=status")

    assert len(set(bodies)) == 1
    asked = [request for request in upstream.requests if request.method == "GET"]
    assert len(asked) == (3 if path.endswith("activities") else 2)


@pytest.mark.parametrize("kept_s", [0, 8], ids=["at once", "later"])
async def test_ages_share(time: FakeTime, rich: list[dict[str, Any]], kept_s: float) -> None:
    """Walks with an age that begin within one step of the TTL share every page."""
    platform = FakeUpstream(tasks=rich)
    async with serving({"eu2": platform}, time) as client:
        one = await walk(client, "/v1/tasks?created_after=9000d&limit=50")
        time.now += kept_s
        other = await walk(client, "/v1/tasks?limit=50&created_after=216000h")
        time.now += 45
        await get(client, "/v1/tasks?created_after=9000d&limit=50")

    assert one == other
    assert platform.calls("/tasks") == 3 + 1


OWN = {"id": "12", "uuid": "6B1F0C0E-3F5B-4C5A-9D0E-0F6F6A2F6D11", "locator": "/1/12/"}
SUBTREE, BESIDE = {"id": "123", "locator": "/1/12/123/"}, {"id": "13", "locator": "/1/13/"}


def of_tenants() -> FakeUpstream:
    """Return a platform with tasks of a tenant, below it, beside it, and of none; newest first."""
    tenants = [None, BESIDE, SUBTREE, OWN, SUBTREE]
    return FakeUpstream(tasks=[a_task(n, tenant=each) for n, each in enumerate(tenants, 1)])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tenant=12", [5, 4, 3]),
        ("tenant=12&tenant_scope=exact", [4]),
        ("tenant=1", [5, 4, 3, 2]),
        ("tenant=13,123", [5, 3, 2]),
        (f"tenant={OWN['uuid']}", [5, 4, 3]),
        (f"tenant={OWN['uuid']}&tenant_scope=exact", [4]),
        (f"tenant={OWN['uuid']},13", [5, 4, 3, 2]),
        (f"tenant={OWN['uuid']}&id=2,3,4", [4, 3]),
    ],
    ids=["number", "exact", "root", "two", "uuid", "uuid exact", "both", "batch"],
)
async def test_tenants(
    client: httpx.AsyncClient, upstream: FakeUpstream, query: str, found: list[int]
) -> None:
    """A tenant's subtree counts, whichever of its items comes first."""
    upstream.tasks = of_tenants().tasks
    body = await get(client, f"/v1/tasks?{query}")

    assert ids(body) == [f"eu2.{number}" for number in found]
    assert body["meta"]["notes"] == []


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_uuid_is_learnt_late(time: FakeTime, limit: int) -> None:
    """What came on pages before the tenant told its number is found when it was told in time."""
    tasks = [a_task(1, tenant=OWN), *[a_task(n, tenant=SUBTREE) for n in range(2, 12)]]
    platform = FakeUpstream(tasks=tasks, page_max=2)
    async with serving({"eu2": platform}, time) as client:
        pages = await walk(client, f"/v1/tasks?limit={limit}&tenant={OWN['uuid']}")

    assert ids(*pages) == [f"eu2.{number}" for number in range(11, 0, -1)]


@pytest.mark.parametrize("exact", ["", "&tenant_scope=exact"], ids=["subtree", "exact"])
async def test_uuid_is_unknown(time: FakeTime, exact: str) -> None:
    """As long as nothing told the number of a UUID, a note says that its subtree may be missing."""
    tasks = [a_task(1, tenant=OWN), *[a_task(n, tenant=SUBTREE) for n in range(2, 12)]]
    platforms = {"eu2": FakeUpstream(tasks=tasks, page_max=2), "us5": FakeUpstream()}
    async with serving(platforms, time, upstream={"scan_pages_max": 1}) as client:
        pages = await walk(client, f"/v1/tasks?account=EU2,us5&tenant={OWN['uuid']}{exact}")

    notes = [" ".join(page["meta"]["notes"]) for page in pages]
    assert (OWN["uuid"].lower() in notes[0]) == (not exact)
    assert notes[-1] == ""


async def test_tenant_numbers_are_an_accounts(time: FakeTime) -> None:
    """What one account says of a tenant's number holds in that account alone."""
    elsewhere = FakeUpstream(tasks=[a_task(9, tenant=SUBTREE)])
    async with serving({"eu2": of_tenants(), "us5": elsewhere}, time) as client:
        await get(client, f"/v1/tasks?tenant={OWN['uuid']}")
        time.now += 45
        again = await get(client, f"/v1/tasks?tenant={OWN['uuid']}")

    assert ids(again) == ["eu2.5", "eu2.4", "eu2.3"]
