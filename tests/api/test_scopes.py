"""Who sees what: eight kinds of consumer at every route, and never a byte more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from tests.support.estate import (
    BAKERY,
    KINDS,
    NORTH,
    NORTH_UUID,
    PARTNER,
    TIMBER,
    headers,
    settings,
)
from tests.support.estate import platforms as estate
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, ids, network, serving, walk
from tests.support.upstream import FakeUpstream, a_task

# Status by kind: nobody, stranger, all, admin, us, north, uuid, bakery (of eu2 alone). A row is a
# GET, and a HEAD too, unless it names its method.
MATRIX: dict[str, list[int]] = {
    "/v1/tasks": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/tasks?include=activities,raw": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/tasks?account=eu2": [401, 401, 200, 200, 403, 200, 200, 200],
    "/v1/tasks?account=us": [401, 401, 200, 200, 200, 200, 200, 403],
    "/v1/tasks?account=moon": [401, 401, 404, 404, 404, 404, 404, 404],
    f"/v1/tasks?tenant={BAKERY}": [401, 401, 200, 200, 200, 403, 403, 200],
    f"/v1/tasks?tenant={BAKERY},{NORTH}": [401, 401, 200, 200, 200, 403, 403, 403],
    f"/v1/tasks?tenant={NORTH}": [401, 401, 200, 200, 200, 200, 200, 403],
    f"/v1/tasks?tenant={NORTH_UUID}": [401, 401, 200, 200, 200, 200, 200, 403],
    f"/v1/tasks?tenant={PARTNER}": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/tasks?tenant=999": [401, 401, 200, 200, 200, 403, 403, 403],
    "/v1/tasks?tenant=999&state=enqueued&result=ok": [401, 401, 200, 200, 200, 403, 403, 403],
    "/v1/tasks?id=2": [401, 401, 409, 409, 200, 200, 200, 200],
    "/v1/tasks?id=eu2.1,eu2.2,us.2": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/tasks/2": [401, 401, 409, 409, 200, 200, 200, 200],
    "/v1/tasks/eu2.1": [401, 401, 200, 200, 404, 200, 404, 404],  # no item told the UUID's number
    "/v1/tasks/eu2.1?include=raw": [401, 401, 200, 200, 404, 200, 404, 404],
    "/v1/tasks/eu2.2": [401, 401, 200, 200, 404, 404, 404, 200],
    "/v1/tasks/eu2.5": [401, 401, 200, 200, 404, 404, 404, 404],
    "/v1/tasks/us.2": [401, 401, 200, 200, 200, 200, 200, 404],
    "/v1/tasks/eu2.99": [401, 401, 404, 404, 404, 404, 404, 404],
    "/v1/tasks/eu2.1/activities": [401, 401, 200, 200, 404, 200, 404, 404],
    "/v1/tasks/eu2.1/activities?view=tree": [401, 401, 200, 200, 404, 200, 404, 404],
    "/v1/tasks/eu2.2/activities": [401, 401, 200, 200, 404, 404, 404, 200],
    "/v1/activities": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/activities?task=eu2.2": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/activities/eu2.11": [401, 401, 200, 200, 404, 200, 404, 404],
    "/v1/activities/eu2.12": [401, 401, 200, 200, 404, 404, 404, 200],
    "/v1/accounts": [401, 401, 200, 200, 200, 200, 200, 200],
    "/v1/admin/explain?path=/v1/tasks": [401, 401, 403, 200, 403, 403, 403, 403],
    "POST /v1/admin/purge": [401, 401, 403, 200, 403, 403, 403, 403],
    "POST /v1/tasks": [401, 401, 405, 405, 405, 405, 405, 405],
    "DELETE /v1/tasks/eu2.1": [401, 401, 405, 405, 405, 405, 405, 405],
    "/v1/admin/purge": [401, 401, 405, 405, 405, 405, 405, 405],
    "/v1/nowhere": [401, 401, 404, 404, 404, 404, 404, 404],
    "/healthz": [200] * 8,
    "/readyz": [200] * 8,
    "/metrics": [200] * 8,
    "/": [307] * 8,
    "/docs": [200] * 8,
    "/redoc": [200] * 8,
    "/openapi.json": [200] * 8,
    "/static/docs.css": [200] * 8,
    "/problems": [200] * 8,
    "/problems/internal": [200] * 8,
    "POST /docs": [405] * 8,
}
# What stands in an answer, by kind: all, us, north, bakery.
SEEN: dict[str, tuple[list[str], ...]] = {
    "/v1/tasks": (
        ["eu2.5", "eu2.4", "us.3", "us.2", "eu2.2", "eu2.1"],
        ["us.3", "us.2"],
        ["eu2.4", "us.2", "eu2.1"],
        ["eu2.2"],
    ),
    "/v1/tasks?id=eu2.1,eu2.2,us.2": (
        ["us.2", "eu2.2", "eu2.1"], ["us.2"], ["us.2", "eu2.1"], ["eu2.2"],
    ),
    f"/v1/tasks?tenant={PARTNER}": (
        ["eu2.4", "us.3", "us.2", "eu2.2", "eu2.1"],
        ["us.3", "us.2"],
        ["eu2.4", "us.2", "eu2.1"],
        ["eu2.2"],
    ),
    "/v1/activities": (["eu2.13", "eu2.12", "eu2.11"], [], ["eu2.11"], ["eu2.13", "eu2.12"]),
    "/v1/activities?task=eu2.2": (["eu2.12"], [], [], ["eu2.12"]),
}  # fmt: skip


@asynccontextmanager
async def served(
    time: FakeTime, **changes: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, FakeUpstream]]]:
    """Serve the estate to its consumers."""
    platforms = estate(time)
    async with serving(platforms, time, **settings(**changes)) as client:
        yield client, platforms


def methods(row: str) -> tuple[tuple[str, ...], str]:
    """Return the methods that a row of the matrix is about, and its target."""
    method, blank, target = row.rpartition(" ")
    return ((method,) if blank else ("GET", "HEAD")), target


@pytest.mark.parametrize("row", MATRIX)
async def test_matrix(time: FakeTime, row: str) -> None:
    """Each kind of consumer is told what it may be told: asked for anew, and kept by whomever."""
    verbs, target = methods(row)
    async with served(time, docs=True) as (client, _):
        answers = [
            await client.request(
                verb,
                target,
                headers=headers(kind) | how,
                json={"all": True} if verb == "POST" else None,
            )
            for how in ({"Cache-Control": "no-cache"}, {})
            for verb in verbs
            for kind in KINDS
        ]

    assert [answer.status_code for answer in answers] == MATRIX[row] * 2 * len(verbs)


def test_every_route(time: FakeTime) -> None:
    """No route is without a row, nor any of its methods; a new one fails here first."""
    app = built(configured("eu2", docs=True), network({}), time)
    rows = [(verb, target) for verbs, target in map(methods, MATRIX) for verb in verbs]
    missing = [
        f"{method} {route.path_format}"
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or {"every method"})
        if not any(
            method == verb and route.path_regex.fullmatch(target.partition("?")[0])
            for verb, target in rows
        )
    ]

    assert missing == []


@pytest.mark.parametrize("path", SEEN)
async def test_seen(time: FakeTime, path: str) -> None:
    """Lists, batches and activities hold what the caller may see, whoever asked before."""
    kinds = ("all", "us", "north", "bakery")
    async with served(time) as (client, _):
        found = [ids((await client.get(path, headers=headers(kind))).json()) for kind in kinds * 2]

    assert tuple(found) == SEEN[path] * 2


async def test_missing(time: FakeTime) -> None:
    """Ids outside are missing from a batch, as those that nothing has."""
    async with served(time) as (client, _):
        answer = await client.get("/v1/tasks?id=eu2.1,eu2.2,9", headers=headers("north"))

    assert answer.json()["meta"]["missing_ids"] == ["9", "eu2.2"]


async def test_counts(time: FakeTime) -> None:
    """What is outside is in no count: not what was looked at, not what lacks the sort key."""
    async with served(time) as (client, platforms):
        for task in platforms["eu2"].tasks:
            task.pop("updatedAt", None)
        path = "/v1/tasks?account=eu2&sort=updated_at"
        meta = (await client.get(path, headers=headers("bakery"))).json()["meta"]

    assert meta["scanned"] == 1
    assert meta["notes"] == ["1 tasks without updated_at were left out of this order."]


async def test_same_words(time: FakeTime) -> None:
    """A task outside is told of in the very words of one that does not exist."""
    told = []
    async with served(time) as (client, _):
        for number in ("eu2.2", "eu2.9"):
            answer = await client.get(f"/v1/tasks/{number}", headers=headers("north"))
            told.append(answer.json() | {"instance": "", "request_id": "", "detail": ""})

    assert told[0] == told[1]


async def test_include_activities(time: FakeTime) -> None:
    """The steps within a task are those that the caller may see."""
    path = "/v1/tasks/eu2.1?include=activities"
    async with served(time) as (client, _):
        steps = [
            [
                each["id"]
                for each in (await client.get(path, headers=headers(kind))).json()["activities"]
            ]
            for kind in ("all", "north")
        ]

    assert steps == [["eu2.11", "eu2.13"], ["eu2.11"]]


async def test_uuid_learns(time: FakeTime) -> None:
    """Below a UUID things are seen from when an item of the tenant itself told its number."""
    async with served(time) as (client, _):
        first = await client.get("/v1/tasks/eu2.1", headers=headers("uuid"))
        listed = ids((await client.get("/v1/tasks", headers=headers("uuid"))).json())
        time.now += 6
        later = await client.get("/v1/tasks/eu2.1", headers=headers("uuid"))

    assert (first.status_code, later.status_code) == (404, 200)
    assert listed == ["eu2.4", "us.2", "eu2.1"]


@pytest.mark.parametrize("more", ["&status=failed", "&state=enqueued&result=ok"])
async def test_own_tenant(time: FakeTime, more: str) -> None:
    """A tenant of one's own of which nothing matches is an empty list, from the first answer on."""
    async with served(time) as (client, _):
        answer = await client.get(f"/v1/tasks?tenant={TIMBER}{more}", headers=headers("north"))

    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_price_of_denial(time: FakeTime) -> None:
    """What a refusal costs does not tell whether the tenant exists."""
    costs = []
    async with served(time) as (client, platforms):
        for tenant in (BAKERY, "999"):
            before = [each.calls("/tasks") for each in platforms.values()]
            await client.get(f"/v1/tasks?tenant={tenant}", headers=headers("north"))
            calls = zip(platforms.values(), before, strict=True)
            costs.append([each.calls("/tasks") - count for each, count in calls])

    assert costs == [[2, 2]] * 2


async def test_denial_ends(time: FakeTime) -> None:
    """A kept refusal is none any more once an item of the tenant was seen; a look is bounded."""
    bounds = {"page_size_max": 1, "scan_pages_max": 2}
    path = f"/v1/tasks?account=eu2&tenant={TIMBER}&status=succeeded"
    async with served(time, upstream=bounds) as (client, _):
        client.headers.update(headers("north"))
        first = await client.get(path)
        await walk(client, "/v1/tasks?account=eu2")
        second = await client.get(path)

    assert (first.status_code, second.status_code) == (403, 200)
    assert "hit" in second.headers["cache-status"]


async def test_denial_by_failure(time: FakeTime) -> None:
    """Who could not look does not say that a tenant is outside."""
    path = "/v1/tasks?tenant=999&state=enqueued&result=ok"
    async with served(time) as (client, platforms):
        platforms["us"].fail_next(500, path="/tasks", times=9)
        answer = await client.get(path, headers=headers("north"))

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-error")


async def test_shared(time: FakeTime) -> None:
    """Equal scopes share one kept answer; different ones never do."""
    how = {}
    async with served(time) as (client, platforms):
        for kind in ("north", "north2", "uuid", "all", "admin", "bakery"):
            answer = await client.get("/v1/tasks?account=eu2", headers=headers(kind))
            how[kind] = answer.headers["cache-status"].partition(";")[2].split(";")[0].strip()

    assert how == {"north": "fwd=miss", "north2": "hit", "uuid": "fwd=miss", "all": "fwd=miss",
                   "admin": "hit", "bakery": "fwd=miss"}  # fmt: skip
    assert platforms["eu2"].calls("/tasks") == 4


async def test_only_if_cached(time: FakeTime) -> None:
    """What is kept for others is not kept for those who see less."""
    only = {"Cache-Control": "only-if-cached"}
    async with served(time) as (client, _):
        await client.get("/v1/tasks", headers=headers("all"))
        answers = [
            await client.get("/v1/tasks", headers=headers(kind) | only)
            for kind in ("admin", "north")
        ]

    assert [answer.status_code for answer in answers] == [200, 504]


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks?status=running", "/v1/tasks/us.2"])
async def test_foreign_etag(time: FakeTime, path: str) -> None:
    """An `ETag` of those who see more is never known, even where both read the same bytes."""
    async with served(time) as (client, _):
        etag = (await client.get(path, headers=headers("all"))).headers["etag"]
        for _ in range(2):
            answer = await client.get(path, headers=headers("north") | {"If-None-Match": etag})
            assert (answer.status_code, answer.headers["etag"] != etag) == (200, True)


async def test_foreign_cursor(time: FakeTime) -> None:
    """A cursor of another walks over what its present bearer may see."""
    async with served(time) as (client, _):
        page = (await client.get("/v1/tasks?limit=2", headers=headers("all"))).json()["page"]
        found = {
            kind: await client.get(page["next"] + "&limit=9", headers=headers(kind))
            for kind in ("all", "us", "north", "bakery")
        }

    assert {kind: ids(answer.json()) for kind, answer in found.items()} == {
        "all": ["us.3", "us.2", "eu2.2", "eu2.1"],
        "us": ["us.3", "us.2"],
        "north": ["us.2", "eu2.1"],
        "bakery": ["eu2.2"],
    }


async def test_cursor_elsewhere(time: FakeTime) -> None:
    """A cursor over accounts that its bearer sees none of is denied."""
    async with served(time) as (client, _):
        answer = await client.get("/v1/tasks?account=eu2&limit=1", headers=headers("all"))
        found = await client.get(answer.json()["page"]["next"], headers=headers("us"))

    assert (found.status_code, found.json()["code"]) == (403, "scope-denied")


async def test_cursor_tells_nothing(time: FakeTime) -> None:
    """Two cursors at the same place of the same walk are equal, and unreadable."""
    async with served(time, cursor_secret="s" * 32) as (client, _):
        cursors = [
            (await client.get(path, headers=headers("all"))).json()["page"]["next_cursor"]
            for path in ("/v1/tasks?limit=1", "/v1/tasks?limit=1&max_age=0")
        ]

    assert cursors[0] == cursors[1]
    assert "ZXUy" not in cursors[0]


async def test_suggestions(time: FakeTime) -> None:
    """Nobody is pointed to an account outside."""
    async with served(time) as (client, _):
        told = {
            kind: (await client.get("/v1/tasks?account=eu", headers=headers(kind))).json()["errors"]
            for kind in ("all", "us")
        }

    assert told["all"][0]["did_you_mean"] == "eu2"
    assert told["us"][0]["did_you_mean"] is None


async def test_ambiguous(time: FakeTime) -> None:
    """The candidates of an ambiguous id are those that the caller may see."""
    async with served(time) as (client, platforms):
        platforms["eu2"].tasks[1]["tenant"] = platforms["us"].tasks[0]["tenant"]
        told = {
            kind: (await client.get("/v1/tasks/2", headers=headers(kind))).json()
            for kind in ("north", "bakery")
        }

    assert told["north"]["errors"][0]["allowed"] == "eu2.2, us.2"
    assert told["bakery"]["code"] == "task-not-found"


async def test_account_gone(time: FakeTime) -> None:
    """A cursor over an account that is configured no more says so."""
    secret = {"cursor_secret": "s" * 32}
    async with served(time, **secret) as (client, _):
        following = (await client.get("/v1/tasks?limit=1", headers=headers("all"))).json()["page"]
    alone = {"us": FakeUpstream(clock=time.clock)}
    async with serving(alone, time, **secret) as client:
        answer = await client.get(following["next"])

    assert answer.json()["code"] == "account-not-found"


async def test_unreadable(time: FakeTime) -> None:
    """An item that can't be read belongs to nobody who sees but some tenants."""
    async with served(time) as (client, platforms):
        platforms["us"].tasks.append(a_task(3) | {"id": 3.5, "idString": "?", "uuid": None})
        seen = [
            len((await client.get("/v1/tasks?account=us", headers=headers(kind))).json()["items"])
            for kind in ("us", "north")
        ]

    assert seen == [3, 1]
