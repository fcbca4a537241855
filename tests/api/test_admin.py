"""The admin routes: what is kept is ended or explained, and who did it is logged."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.api.test_scopes import served
from tests.support.consumers import required
from tests.support.estate import BAKERY, CONSUMERS, NORTH, NORTH_UUID, PARTNER, headers
from tests.support.platform import FakeTime
from tests.support.serving import idle
from tests.support.upstream import a_task

_ADMINS = required(**{name: given | {"admin": True} for name, given in CONSUMERS.items()})[
    "consumers"
]
LISTS = ("/v1/tasks", f"/v1/tasks?tenant={BAKERY}", "/v1/tasks/eu2.1", "/v1/tasks?account=us",
         "/v1/tasks/eu2.1/activities?view=tree")  # fmt: skip


async def purge(client: httpx.AsyncClient, kind: str = "admin", **body: Any) -> httpx.Response:
    """Ask for a purge."""
    return await client.post("/v1/admin/purge", json=body, headers=headers(kind))


async def explain(client: httpx.AsyncClient, path: str, kind: str = "admin") -> httpx.Response:
    """Ask for an explanation."""
    params = {"path": path}
    return await client.get("/v1/admin/explain", params=params, headers=headers(kind))


@pytest.mark.parametrize(
    ("body", "purged"),
    [({"all": True}, 5), ({"account": "eu2"}, 4), ({"account": "us"}, 3), ({"tenant": NORTH}, 5),
     ({"tenant": BAKERY, "account": "us"}, 3), ({"query": "/v1/tasks"}, 2),
     ({"query": "/v1/tasks?partial=deny&%6cimit=0100&account=US&account=eu2,us"}, 2),
     ({"query": "/v1/tasks/eu2.1"}, 1), ({"query": "/v1/tasks/eu2.1/activities?view=tree"}, 1),
     ({"query": "/v1/tasks?limit=7"}, 0)],
)  # fmt: skip
async def test_purge(time: FakeTime, body: dict[str, Any], purged: int) -> None:
    """What matches all that is given has no freshness left; the count is of kept answers."""
    async with served(time) as (client, _):
        for path in LISTS:
            await client.get(path, headers=headers("all"))
        answer = await purge(client, **body)

    assert (answer.status_code, answer.json()) == (200, {"purged": purged})


@pytest.mark.parametrize("tenant", [BAKERY, NORTH, NORTH_UUID])
async def test_purge_tenant(time: FakeTime, tenant: str) -> None:
    """Nothing that may show a tenant is left, also where its parent or its UUID was asked for."""
    lists = [f"/v1/tasks?tenant={each}" for each in (PARTNER, NORTH, NORTH_UUID)]
    async with served(time) as (client, _):
        for path in lists:
            await client.get(path, headers=headers("all"))
        await purge(client, tenant=tenant, hard=True)
        answers = [await client.get(path, headers=headers("all")) for path in lists]

    assert all("fwd=" in answer.headers["cache-status"] for answer in answers)


async def test_asks_again(time: FakeTime) -> None:
    """After a purge the next request asks the platform."""
    async with served(time) as (client, _):
        for _ in range(2):
            await client.get("/v1/tasks", headers=headers("all"))
        await purge(client, query="/v1/tasks")
        answer = await client.get("/v1/tasks", headers=headers("all"))

    assert "fwd=" in answer.headers["cache-status"]


@pytest.mark.parametrize("view", ["", "?view=tree"], ids=["flat", "tree"])
@pytest.mark.parametrize("task", ["1", a_task(1)["uuid"]], ids=["bare", "uuid"])
async def test_steps_of_found(time: FakeTime, task: str, view: str) -> None:
    """Purged activities are asked for again, also where their task has to be found first."""
    path = f"/v1/tasks/{task}/activities{view}"
    async with served(time) as (client, platforms):
        for each in (path, "/v1/tasks/us.3/activities"):
            await client.get(each, headers=headers("all"))
        asked = platforms["eu2"].calls("/activities")
        purged = (await purge(client, query=path)).json()["purged"]
        again = await client.get(path, headers=headers("all"))
        other = await client.get("/v1/tasks/us.3/activities", headers=headers("all"))

    assert (purged, platforms["eu2"].calls("/activities") - asked) == (2, 1)
    assert ["fwd=" in each.headers["cache-status"] for each in (again, other)] == [True, False]


async def test_steps_out_of_scope(time: FakeTime) -> None:
    """What an admin may not see leads it to no steps that it would end."""
    path = f"/v1/tasks/{a_task(1)['uuid']}/activities"
    async with served(time, consumers=_ADMINS) as (client, _):
        for kind in ("all", "north"):
            await client.get(path, headers=headers(kind))
        found = [(await purge(client, kind, query=path)).json() for kind in ("uuid", "north")]
        answer = await client.get(path, headers=headers("all"))

    assert found == [{"purged": 0}, {"purged": 2}]
    assert "hit" in answer.headers["cache-status"]


async def test_explain_steps_of_found(time: FakeTime) -> None:
    """Once it is known which task has a bare id, its activities are what is told."""
    known, ambiguous = f"/v1/tasks/{a_task(1)['uuid']}/activities", "/v1/tasks/2/activities"
    async with served(time) as (client, _):
        first = (await explain(client, known)).json()
        for path in (known, ambiguous):
            await client.get(path, headers=headers("admin"))
        later = [
            (await explain(client, path)).json()
            for path in (known, f"{known}?max_age=0", ambiguous)
        ]

    told = [(each["how"], "filters" in each["query"]) for each in (first, *later)]
    assert told == [("miss", False), ("hit", True), ("miss", False), ("hit", False)]


@pytest.mark.parametrize(
    ("wish", "statuses"),
    [({}, [200, 502]), ({"hard": False}, [200, 502]), ({"hard": True}, [502, 502])],
    ids=["unsaid", "soft", "hard"],
)
async def test_hard(time: FakeTime, wish: dict[str, Any], statuses: list[int]) -> None:
    """What was purged may still stand in for a platform that fails, unless it was forgotten."""
    paths = ("/v1/tasks?account=us", "/v1/tasks?account=us&limit=7")
    async with served(time) as (client, platforms):
        old = await client.get(paths[0], headers=headers("all"))
        await purge(client, all=True, **wish)
        platforms["us"].fail_next(times=99, path="/tasks")
        answers = [await client.get(path, headers=headers("all")) for path in paths]

    assert [answer.status_code for answer in answers] == statuses
    stood_in = "detail=stale-if-error" in answers[0].headers["cache-status"]
    assert (stood_in, answers[0].content == old.content) == (statuses[0] == 200,) * 2


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{}", "conflicting-parameters"), (b'{"all":true,"account":"eu2"}', "conflicting-parameters"),
     (b"[", "invalid-parameter"), (b"\xff", "invalid-parameter"), (b"", "invalid-parameter"),
     (b'{"everything":true}', "invalid-parameter"), (b'{"account":"moon"}', "account-not-found"),
     (b'{"query":"/v1/accounts"}', "invalid-value")],
)  # fmt: skip
async def test_refused(time: FakeTime, body: bytes, code: str) -> None:
    """A purge that says too little, too much, or nothing readable is refused."""
    async with served(time) as (client, _):
        answer = await client.post("/v1/admin/purge", content=body, headers=headers("admin"))

    assert answer.json()["code"] == code


async def test_scoped_admin(time: FakeTime) -> None:
    """An admin reaches what it may see, and nothing else."""
    async with served(time, consumers=_ADMINS) as (client, _):
        for kind in ("all", "north", "us"):
            await client.get("/v1/tasks", headers=headers(kind))
        found = [(await purge(client, kind, all=True)).json() for kind in ("north", "us")]
        denied = await purge(client, "us", account="eu2")

    assert found == [{"purged": 1}, {"purged": 1}]
    assert denied.json()["code"] == "scope-denied"


async def test_no_foreign_place(time: FakeTime) -> None:
    """A cursor may stand at an unseen item: it is explained to those who see everything."""
    async with served(time, consumers=_ADMINS) as (client, _):
        path = "/v1/tasks?limit=1"
        following = (await client.get(path, headers=headers("all"))).json()["page"]["next"]
        found = [(await explain(client, following, kind)).status_code for kind in ("all", "north")]

    assert found == [200, 403]


WAYS = ("allow", "deny")
PLAIN = {"Accept-Encoding": "identity"}  # a coding would count to what is kept
STEPS = ["taskId=…", "order=asc(createdAt)", "order=asc(id)"]


@pytest.mark.parametrize(
    ("path", "calls"),
    [
        ("/v1/tasks?status=failed&account=us",
         [["resultCode=error", "state=completed", "order=desc(enqueuedAt)", "order=desc(id)"]]),
        ("/v1/tasks?id=us.2,us.3&account=us", [["id=2", "id=3"]]),
        ("/v1/tasks?id=us.2&queue=backup",
         [["id=2"], ["queue=backup", "order=desc(enqueuedAt)", "order=desc(id)", "id=2"]]),
        ("/v1/tasks?id=us.2&sort=started_at&include=activities",
         [["id=2"], STEPS]),
        ("/v1/tasks?id=us.2&state=enqueued&result=ok&status=failed&include=activities", [["id=2"]]),
        ("/v1/tasks?account=us&limit=101&include=activities",
         [["order=desc(enqueuedAt)", "order=desc(id)"], STEPS, STEPS]),
        ("/v1/tasks/us.2?include=activities", [["id=2"], STEPS]),
        ("/v1/tasks?state=enqueued&result=ok&status=failed&account=us", []),
        ("/v1/tasks/us.2", [["id=2"]]),
        ("/v1/activities/us.00000000-0000-4000-8000-000000000002",
         [["uuid=00000000-0000-4000-8000-000000000002"]]),
        ("/v1/tasks/us.2/activities", [["taskId=2", "order=asc(createdAt)", "order=asc(id)"]]),
        ("/v1/tasks/us.2/activities?view=tree",
         [["taskId=2", "order=asc(createdAt)", "order=asc(id)"]]),
        ("/v1/tasks/2/activities", [["id=2"], ["id=2"]]),
        ("/v1/activities?account=us", [["order=desc(createdAt)", "order=desc(id)"]]),
    ],
)  # fmt: skip
async def test_explain(time: FakeTime, path: str, calls: list[list[str]]) -> None:
    """A path is told with the calls that it would make; it makes none."""
    async with served(time) as (client, platforms):
        told = (await explain(client, path)).json()

    assert [call["parameters"] for call in told["upstream_calls"]] == calls
    assert (told["how"], platforms["us"].requests) == ("miss", [])


@pytest.mark.parametrize(
    "query",
    [
        "id=us.2,us.3&queue=backup",
        "id=us.2&started_after=0&include=activities",
        "account=us&include=activities",
        "id=us.2&account=us&category=backup",
    ],
)
async def test_explained_calls_are_made(time: FakeTime, query: str) -> None:
    """As many calls are told as the request makes when it finds something."""
    async with served(time) as (client, platforms):
        told = (await explain(client, f"/v1/tasks?{query}")).json()
        await client.get(f"/v1/tasks?{query}", headers=headers("admin"))
    made = platforms["us"].calls("/tasks") + platforms["us"].calls("/activities")

    assert len(told["upstream_calls"]) == made


async def test_explain_kept(time: FakeTime) -> None:
    """A kept answer is told with its clocks, under the key that `Cache-Status` shows to admins."""
    async with served(time) as (client, _):
        answer = await client.get("/v1/tasks", headers=headers("admin") | PLAIN)
        time.now += 3
        others = await client.get("/v1/tasks", headers=headers("all") | PLAIN)
        told = (await explain(client, "/v1/tasks?partial=deny&limit=100")).json()

    assert f'key="{told.pop("key")}"' in answer.headers["cache-status"]
    assert "key=" not in others.headers["cache-status"]
    assert told == {
        "query": {"of": "task", "accounts": ["eu2", "us"], "sort": "created_at", "shape": {}},
        "how": "hit", "age_s": 3, "ttl_s": 7,
        "stale_while_revalidate_s": 37, "stale_if_error_s": 607,
        "size_bytes": len(answer.content) + 512, "problem": None, "probe_in_s": None,
        "in_the_air": False, "upstream_calls": [],
    }  # fmt: skip


async def test_explain_outage(time: FakeTime) -> None:
    """After an outage the problem is told, when the platform is asked again, and how old serves.

    Until then it is not asked, and no call is told.
    """
    async with served(time) as (client, platforms):
        kept = await client.get("/v1/tasks?account=us", headers=headers("all") | PLAIN)
        platforms["us"].fail_next(times=99, path="/tasks")
        time.now += 41
        await client.get("/v1/tasks?account=us", headers=headers("all") | PLAIN)
        time.now += 4
        told = (await explain(client, "/v1/tasks?account=us")).json()
    del told["query"], told["key"]

    assert time.slept == [0.5, 1]
    assert told == {
        "how": "stale", "age_s": 46.5, "ttl_s": -36.5,
        "stale_while_revalidate_s": 0, "stale_if_error_s": 563.5,
        "size_bytes": len(kept.content) + 512 + 1024, "problem": "upstream-error",
        "probe_in_s": 26, "in_the_air": False, "upstream_calls": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("after_s", "query", "expected"),
    [
        (0, "limit=7&cached_only=true", ("miss", "not-cached", 0)),
        (50, "cached_only=true", ("miss", "not-cached", 0)),
        (20, "cached_only=true", ("stale", None, 0)),
        (20, "max_stale=99", ("stale", None, 1)),
        (50, "partial=allow", ("miss", None, 1)),
    ],
    ids=["nothing kept", "too old", "old", "loaded behind", "asked"],
)
async def test_explained_is_answered(
    time: FakeTime, after_s: float, query: str, expected: tuple[str, str | None, int]
) -> None:
    """What is told of a request is what it gets: its problem, and a call where it makes one."""
    path = f"/v1/tasks?account=us&{query}"
    async with served(time) as (client, platforms):
        await client.get("/v1/tasks?account=us", headers=headers("all"))
        time.now += after_s
        told = (await explain(client, path)).json()
        answer = await client.get(path, headers=headers("all"))
        await idle()

    assert (told["how"], told["problem"], len(told["upstream_calls"])) == expected
    assert (answer.json().get("code"), platforms["us"].calls("/tasks") - 1) == expected[1:]


async def test_explain_gap(time: FakeTime) -> None:
    """To who takes no gaps an answer with one is a problem, and is told as that."""
    async with served(time) as (client, platforms):
        platforms["us"].fail_next(times=99, path="/tasks")
        for _ in range(2):
            await client.get("/v1/tasks", headers=headers("all"))
        told = [(await explain(client, f"/v1/tasks?partial={way}")).json() for way in WAYS]
        codes = [
            (await client.get(f"/v1/tasks?partial={way}", headers=headers("all")))
            .json()
            .get("code")
            for way in WAYS
        ]

    assert [each["problem"] for each in told] == codes == [None, "upstream-unavailable"]
    assert [each["upstream_calls"] for each in told] == [[], []]


@pytest.mark.parametrize(
    ("after_s", "path", "how"),
    [
        (5, "/v1/tasks", "hit"),
        (5, "/v1/tasks?max_age=5", "hit"),
        (5, "/v1/tasks?max_age=4", "miss"),
        (5, "/v1/tasks?max_age=0", "miss"),
        (5, "/v1/tasks/eu2.1?max_age=0", "miss"),
        (50, "/v1/tasks", "miss"),
        (50, "/v1/tasks?max_stale=60", "stale"),
        (50, "/v1/tasks/eu2.1", "hit"),
    ],
)
async def test_explain_twins(time: FakeTime, after_s: float, path: str, how: str) -> None:
    """The freshness that the explained path asks for counts."""
    async with served(time) as (client, _):
        for each in ("/v1/tasks", "/v1/tasks/eu2.1"):
            await client.get(each, headers=headers("admin"))
        time.now += after_s
        told = (await explain(client, path)).json()

    assert told["how"] == how


@pytest.mark.parametrize(
    "query", ["", "?path=a&path=b", "?path=/v1/accounts", "?path=/v1/tasks&x=1"]
)
async def test_explain_what(time: FakeTime, query: str) -> None:
    """One path that is answered from the cache, and nothing else."""
    async with served(time) as (client, _):
        answer = await client.get(f"/v1/admin/explain{query}", headers=headers("admin"))

    assert answer.status_code == 400


async def test_audit(time: FakeTime) -> None:
    """The log says who ended or looked at what, how many answers that were, and who tried."""
    long = f"/v1/tasks?{'&'.join(['account=us'] * 99)}"
    async with served(time) as (client, _):
        for path in LISTS:
            await client.get(path, headers=headers("all"))
        with capture_logs() as lines:
            await purge(client, account="eu2", tenant=NORTH)
            await purge(client, query=long, hard=True)
            await purge(client, all=True)
            await purge(client, "us", all=True)
            await explain(client, long)
            await explain(client, "/v1/tasks", "us")

    told = [line for line in lines if line["event"].startswith("admin_")]
    assert told == [
        _purged(4, account="eu2", tenant=NORTH),
        _purged(1, query=long[:200], hard=True),
        _purged(4, all=True),
        _line("warning", "admin_refused", "us", action="purge"),
        _line("info", "admin_explained", "admin", path=long[:200]),
        _line("warning", "admin_refused", "us", action="explain"),
    ]


def _line(log_level: str, event: str, consumer: str, **facts: Any) -> dict[str, Any]:
    return {"log_level": log_level, "event": event, "consumer": consumer} | facts


def _purged(purged: int, **wish: Any) -> dict[str, Any]:
    unsaid = {"account": None, "tenant": None, "query": None, "all": False, "hard": False}
    return _line("info", "admin_purged", "admin", purged=purged) | unsaid | wish
