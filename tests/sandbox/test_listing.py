"""Lists and single objects over HTTP (P§3, P§4, P§6-9)."""

import base64
from itertools import pairwise
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.sandbox.app import create_sandbox
from app.sandbox.detail import LODS
from tests.sandbox.conftest import Api, Clock

PARSE_BOOL = "strconv.ParseBool: parsing"
SYNTAX = "invalid syntax on field"


def keys(items: list[dict[str, Any]]) -> set[str]:
    """Return every key that occurs."""
    return {key for item in items for key in item}


async def test_envelope(api: Api) -> None:
    """A first page holds the default number of items, its own size and a way on."""
    body = (await api.get("tasks")).json()

    assert len(body["items"]) == body["size"] == 100
    assert set(body["paging"]["cursors"]) == {"after"}


async def test_empty(api: Api) -> None:
    """No match is 200 with an empty list and no paging."""
    answer = await api.get("tasks", "type=none")

    assert answer.status_code == 200
    assert answer.json() == {"items": [], "size": 0}


async def test_bare_object(api: Api) -> None:
    """A single object comes without an envelope, by the digits of its id."""
    (task,) = await api.items("tasks", "limit=1&lod=full")

    answer = await api.get(f"tasks/{task['idString']}", "lod=full")

    assert answer.json() == task


async def test_activity(api: Api) -> None:
    """A single activity is found by its own id."""
    (activity,) = await api.items("activities", "limit=1&order=desc(id)&parentActivityId=notnull()")

    answer = await api.get(f"activities/{activity['id']}")

    assert answer.json() == activity


async def test_not_found(api: Api) -> None:
    """An object that is not there is a bare domainError with its id."""
    answer = await api.get("tasks/1176204000000000001")

    assert answer.status_code == 404
    assert answer.json() == {
        "domain": "TaskManager", "code": "NotFound", "reason": "NotFound",
        "context": {"id": "1176204000000000001"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        ("tasks", "tenant_id=1", "bad condition field 'tenant_id'"),
        ("tasks", "before=x", "bad condition field 'before'"),
        ("tasks", "taskId=1", "bad condition field 'taskId'"),
        ("activities", "queue=backup", "bad condition field 'queue'"),
        ("activities", "enqueuedAt=gt(1)", "bad condition field 'enqueuedAt'"),
        ("tasks/1", "state=started", "bad condition field 'state'"),
        ("tasks/1", "lod=count", "unknown value 'count' on field 'lod'"),
        ("tasks/x", "", "strconv.ParseInt: parsing \"x\": invalid syntax on field 'id'"),
        ("tasks", "lod=big", "unknown value 'big' on field 'lod'"),
        ("tasks", "limit=x", "strconv.ParseInt: parsing \"x\": invalid syntax on field 'limit'"),
        ("tasks", "limit=0", "field 'limit' value is too small, min value is 1"),
        ("tasks", "limit=", "field 'limit' value is empty"),
        ("tasks", "limit=1&limit=2", "single value expected on field 'limit'"),
        ("tasks", "after=AAAA", "field 'after' needs field 'limit'"),
        ("tasks", "allow_deleted=1", f"{PARSE_BOOL} \"1\": {SYNTAX} 'allow_deleted'"),
        ("tasks", "order=id", "empty order function"),
        ("tasks", "order=", "empty order function"),
        ("tasks", "order=(id)", "bad order function ''"),
        ("tasks", "order=asc()", "empty order field"),
        ("tasks", "order=down(id)", "bad order function 'down'"),
        ("tasks", "order=asc(id", "bad function 'asc(id', no closing bracket"),
        ("tasks", "order=asc(resultCode)", "bad order field 'resultCode'"),
        ("activities", "order=asc(priority)", "bad order field 'priority'"),
        ("tasks", "updatedAt=gt(1)&updatedAt=lt(2)", "single value expected on field 'updatedAt'"),
    ],
)  # fmt: skip
async def test_refusals(api: Api, path: str, query: str, text: str) -> None:
    """A parameter that is not understood is refused, never ignored."""
    assert await api.refusal(path, query) == text


@pytest.mark.parametrize(
    "path", ["/api/task_manager/v2/workflows", "/", "/api/task_manager/v2/tasks/"]
)
async def test_unknown_path(http: httpx.AsyncClient, path: str) -> None:
    """A path that does not exist is a bare domainError too."""
    answer = await http.get(path)

    assert answer.status_code == 404
    assert answer.json() == {"domain": "TaskManager", "code": "NotFound", "reason": "NotFound"}


async def test_other_method(http: httpx.AsyncClient) -> None:
    """There is no public write endpoint."""
    answer = await http.post("/api/task_manager/v2/tasks")

    assert answer.status_code == 405
    assert answer.json()["code"] == "MethodNotAllowed"


async def test_filters_combine(api: Api) -> None:
    """Repeated values are alternatives, different fields must all hold."""
    query = "state=completed&resultCode=error&resultCode=warning&priority=gt(normal)&limit=1000"

    items = await api.items("tasks", query)

    assert {item["result"]["code"] for item in items} == {"error", "warning"}
    assert {item["priority"] for item in items} == {"aboveNormal", "high"}


async def test_time_bound(api: Api) -> None:
    """Bounds are exact to the nanosecond: `gt` leaves out what `ge` takes in."""
    query = "order=asc(completedAt)&limit=1&completedAt="
    (first,) = await api.items("tasks", query + "notnull()&enqueuedAt=gt(1794000000)")

    (same,) = await api.items("tasks", query + f"ge({first['completedAt']})")
    (next_,) = await api.items("tasks", query + f"gt({first['completedAt']})")

    assert same["id"] == first["id"]
    assert next_["id"] != first["id"]


async def test_many_orders(api: Api) -> None:
    """The first order is the major key, each with its own direction; `id` decides at last."""
    items = await api.items("tasks", "order=desc(priority)&order=asc(type)&limit=1000")

    ranks = {"high": 0, "aboveNormal": 1, "normal": 2, "belowNormal": 3, "low": 4}
    found = [(ranks[item["priority"]], item["type"], item["id"]) for item in items]
    assert found == sorted(found)


@pytest.mark.parametrize(("order", "place"), [("desc", 0), ("asc", -1)])
async def test_absent_times(api: Api, order: str, place: int) -> None:
    """An absent value sorts as the largest: first descending, last ascending."""
    pages = await api.walk("tasks", f"order={order}(completedAt)&limit=1000")

    items = [item for page in pages for item in page]
    assert "completedAt" not in items[place]
    assert "completedAt" in items[-1 - place]


@pytest.mark.parametrize(
    ("path", "query", "limit"),
    [
        pytest.param("tasks", "", 70, id="default order"),
        pytest.param("tasks", "order=desc(completedAt)", 70, id="absent first"),
        pytest.param("tasks", "order=asc(startedByUser)&order=desc(state)", 90, id="many ties"),
        pytest.param("tasks", "state=started&state=paused&lod=tiny", 2, id="filtered"),
        pytest.param("activities", "order=desc(uuid)&state=completed", 150, id="activities"),
    ],
)  # fmt: skip
async def test_walk(api: Api, path: str, query: str, limit: int) -> None:
    """A walk returns everything that matches, once; all pages but the last are full."""
    total = (await api.get(path, f"{query}&lod=count".replace("lod=tiny&", ""))).json()["size"]

    pages = await api.walk(path, f"{query}&limit={limit}")

    ids = [item["id"] for page in pages for item in page]
    assert len(ids) == len(set(ids)) == total
    assert {len(page) for page in pages[:-1]} == {limit}


async def test_walk_while_alive(api: Api, clock: Clock, app: Starlette) -> None:
    """Of the tasks there were at the start none is missed or repeated while others arrive."""
    before = {task["id"] for task in app.state.dataset.tasks(clock.now_ns)}
    body = (await api.get("tasks", "limit=50&order=desc(enqueuedAt)")).json()
    seen = [item["id"] for item in body["items"]]
    while after := body["paging"]["cursors"].get("after"):
        clock.now_s += 60
        cursor = httpx.QueryParams({"after": after, "limit": "50"})
        body = (await api.get("tasks", str(cursor))).json()
        seen += [item["id"] for item in body["items"]]

    assert len(seen) == len(set(seen))
    assert before <= set(seen)


async def test_cursor_holds_query(api: Api) -> None:
    """Filters, order and level come from the cursor; filters beside it are ignored."""
    first = (await api.get("tasks", "limit=2&order=desc(id)&queue=backup&lod=short")).json()
    cursor = httpx.QueryParams({"limit": "3", "after": first["paging"]["cursors"]["after"]})

    plain = (await api.get("tasks", f"{cursor}")).json()
    beside = (await api.get("tasks", f"{cursor}&queue=vapm&order=asc(id)")).json()
    finer = (await api.get("tasks", f"{cursor}&lod=tiny")).json()

    assert plain == beside
    assert {item["queue"] for item in plain["items"]} == {"backup"}
    assert [item["id"] for item in finer["items"]] == [item["id"] for item in plain["items"]]
    assert "queue" not in keys(finer["items"])


async def test_last_page(api: Api) -> None:
    """An only page has no paging; the last of several has `before` alone (P§8)."""
    only = (await api.get("tasks", "limit=1&state=paused")).json()
    first = (await api.get("tasks", "limit=1&queue=vapm")).json()
    cursor = httpx.QueryParams({"limit": "1000", "after": first["paging"]["cursors"]["after"]})
    last = (await api.get("tasks", str(cursor))).json()

    assert "paging" not in only
    assert set(last["paging"]["cursors"]) == {"before"}


async def test_nothing_left(api: Api, clock: Clock) -> None:
    """When the rest of a walk has gone, its last page is empty, with empty cursors."""
    query = "limit=1&state=started&queue=queue_c2c&order=desc(id)"
    first = (await api.get("tasks", query)).json()
    cursor = httpx.QueryParams({"limit": "1", "after": first["paging"]["cursors"]["after"]})
    clock.now_s += 7_000

    answer = await api.get("tasks", str(cursor))

    assert answer.json() == {"items": [], "paging": {"cursors": {}}, "size": 0}


@pytest.mark.parametrize("after", ["%%%", "AAAA", "AAAAAAAAAAAAAA%3D%3D", "é"])
async def test_damaged_cursor(api: Api, after: str) -> None:
    """A cursor that was not ours is refused."""
    assert await api.refusal("tasks", f"limit=1&after={after}") == "bad cursor"


async def test_altered_cursor(api: Api) -> None:
    """A cursor whose position was changed is refused."""
    body = (await api.get("tasks", "limit=1")).json()
    sealed = base64.b64decode(body["paging"]["cursors"]["after"])
    altered = base64.b64encode(sealed[:-1] + bytes([sealed[-1] ^ 1])).decode()

    text = await api.refusal("tasks", str(httpx.QueryParams({"limit": "1", "after": altered})))

    assert text == "bad cursor"


async def test_foreign_cursor(api: Api) -> None:
    """A cursor of the activities leads nowhere among the tasks."""
    body = (await api.get("activities", "limit=1")).json()
    cursor = httpx.QueryParams({"limit": "1", "after": body["paging"]["cursors"]["after"]})

    assert await api.refusal("tasks", str(cursor)) == "bad cursor"


async def test_limits(clock: Clock, api: Api) -> None:
    """Without `limit` a page has the default size; a larger one than the most is cut to it."""
    small = create_sandbox(clock=clock, history_days=1, limit_default=3, limit_max=5)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(small), base_url="http://sandbox", headers=api.http.headers
    ) as http:
        sizes = [
            len((await Api(http).get("tasks", query)).json()["items"])
            for query in ("", "limit=4", "limit=1000", "allow_deleted=true")
        ]

    assert sizes == [3, 4, 5, 3]


@pytest.mark.parametrize("path", ["tasks", "activities"])
async def test_levels_grow(api: Api, path: str) -> None:
    """Each level of detail has all keys of the one below, and more up to full."""
    seen = [keys(await api.items(path, f"limit=1000&order=desc(id)&lod={lod}")) for lod in LODS]

    assert all(lower < upper for lower, upper in pairwise(seen[:4]))
    assert seen[3] == seen[4]


async def test_tiny(api: Api) -> None:
    """`tiny` is the reduced list schema of the OpenAPI file."""
    found = keys(await api.items("tasks", "limit=1000&order=desc(id)&lod=tiny"))

    assert found == {
        "state", "result", "id", "startedAt", "completedAt", "issuer", "cancelRequested",
        "blockers", "enqueuedAt", "updatedAt", "executor", "assignCount", "assignedAt",
    }  # fmt: skip


async def test_no_level(api: Api) -> None:
    """Without `lod` a task has the seed's 18 keys."""
    found = keys(await api.items("tasks", "limit=1000"))

    assert len(found) == 18
    assert {"context", "cancellable", "result", "startedByUser"} <= found
    assert not {"progress", "executor", "assignCount"} & found


async def test_debug(api: Api) -> None:
    """`debug` tells more of an error than its message."""
    query = "resultCode=error&order=desc(id)&limit=200&lod="
    full, debug = [await api.items("tasks", query + lod) for lod in ("full", "debug")]

    def debugs(items: list[dict[str, Any]]) -> set[str]:
        errors = [item["result"]["error"] for item in items]
        return {key for error in errors for key in error.get("debug", {})}

    assert debugs(full) == {"msg"}
    assert debugs(debug) == {"msg", "requestId"}


async def test_count(api: Api, clock: Clock, app: Starlette) -> None:
    """`lod=count` answers how many match, and no items."""
    answer = await api.get("tasks", "lod=count&state=completed")

    done = [task for task in app.state.dataset.tasks(clock.now_ns) if task["state"] == "completed"]
    assert answer.json() == {"items": [], "size": len(done)}
