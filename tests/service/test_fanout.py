"""When accounts fail: a partial answer says so, and an empty one is never made of failures."""

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.platform import FakeTime
from tests.support.serving import get, idle, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

ALIASES = ("au1", "eu2", "us5")


def three(*, down: tuple[str, ...]) -> dict[str, FakeUpstream]:
    """Return three platforms, some of which can't be reached."""
    platforms = {alias: FakeUpstream(tasks=[a_task(1)]) for alias in ALIASES}
    for alias in down:
        platforms[alias].break_next(httpx.ConnectError("refused"), times=99)
    return platforms


async def test_one_down(time: FakeTime) -> None:
    """When one of three accounts fails the others answer, and the answer says who is not in it."""
    async with serving(three(down=("eu2",)), time) as client:
        body = await get(client, "/v1/tasks")

    assert ids(body) == ["us5.1", "au1.1"]
    assert body["meta"]["complete"] is False
    told = {each["account"]: each for each in body["meta"]["accounts"]}
    assert told["eu2"] == {"account": "eu2", "data_as_of": None, "problem": "upstream-unavailable"}
    assert told["au1"]["problem"] is None
    assert body["meta"]["data_as_of"] == told["au1"]["data_as_of"]


@pytest.mark.parametrize("query", ["", "&status_group=failure"], ids=["any", "finished"])
async def test_partial_kept_shortly(time: FakeTime, query: str) -> None:
    """A partial answer is kept for five seconds at most, also where whole ones are kept longer."""
    platforms = three(down=())
    platforms["eu2"].fail_next(403, path="/tasks", times=99)
    async with serving(platforms, time) as client:
        first = await client.get(f"/v1/tasks?limit=9{query}")
        time.now += 4
        second = await client.get(f"/v1/tasks?limit=9{query}")
        time.now += 1
        await client.get(f"/v1/tasks?limit=9{query}")

    assert first.headers["cache-control"] == "private, max-age=4"
    assert "hit" in second.headers["cache-status"]
    assert platforms["us5"].calls("/tasks") == 2


async def test_partial_denied(time: FakeTime) -> None:
    """With `partial=deny` one failed account is 503 and says when to come back."""
    async with serving(three(down=("eu2",)), time) as client:
        answer = await client.get("/v1/tasks?partial=deny")

    assert answer.status_code == 503
    assert answer.json()["code"] == "upstream-unavailable"
    assert answer.json()["account"] == "eu2"
    assert (answer.headers["retry-after"], answer.headers["age"]) == ("5", "1")
    assert answer.headers["cache-status"] == "taskgate; fwd=miss; fwd-status=503; stored"


async def test_whole_before(time: FakeTime) -> None:
    """With `partial=deny` the last whole answer stands in for one with a gap, marked as old."""
    platforms = three(down=())
    async with serving(platforms, time) as client:
        whole = await client.get("/v1/tasks")
        time.now += 50
        platforms["eu2"].fail_next(403, path="/tasks", times=99)
        denied = [await client.get("/v1/tasks?partial=deny") for _ in range(2)]
        allowed = await get(client, "/v1/tasks")
        time.now += 600
        too_old = await client.get("/v1/tasks?partial=deny")

    assert [answer.content for answer in denied] == [whole.content] * 2
    assert [answer.headers["age"] for answer in denied] == ["50", "50"]
    status = "taskgate; fwd=stale; fwd-status=503; stored; ttl=-40; detail=stale-if-error"
    assert denied[0].headers["cache-status"] == status
    assert denied[1].headers["cache-status"] == "taskgate; hit; ttl=-40"
    assert (allowed["meta"]["complete"], too_old.status_code) == (False, 503)


async def test_calls_of_a_refusal(time: FakeTime) -> None:
    """The log line tells the calls that a request caused, also of one that is refused for them."""
    with capture_logs() as logs:
        async with serving(three(down=("eu2",)), time) as client:
            await client.get("/v1/tasks?partial=deny")

    [line] = [each for each in logs if each["event"] == "request_served"]
    # A token for each; two tries more for the one that is down, whose token is what fails.
    assert (line["status"], line["upstream_calls"]) == (503, 2 + 3 + 2)


async def test_partial_denied_alone(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """When the only account fails its own failure is told, denied or not."""
    upstream.fail_next(403, path="/tasks")
    answer = await client.get("/v1/tasks?partial=deny")

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-auth-failed")


@pytest.mark.parametrize("first", ["partial=allow", "partial=deny"])
async def test_one_key(time: FakeTime, first: str) -> None:
    """Whether a partial answer will do is no other question: both wishes share one call."""
    platforms = three(down=("eu2",))
    async with serving(platforms, time) as client:
        await client.get(f"/v1/tasks?{first}")
        allowed = await client.get("/v1/tasks")
        denied = await client.get("/v1/tasks?partial=deny")

    assert (allowed.status_code, denied.status_code) == (200, 503)
    assert "hit" in allowed.headers["cache-status"]
    assert platforms["us5"].calls("/tasks") == 1


async def test_denied_beside_a_cursor(time: FakeTime) -> None:
    """`partial=deny` beside a cursor holds for that page, however the walk began."""
    platforms = three(down=())
    async with serving(platforms, time) as client:
        following = (await get(client, "/v1/tasks?limit=1"))["page"]["next"]
        platforms["eu2"].fail_next(403, path="/tasks")
        allowed = await client.get(following)
        denied = await client.get(f"{following}&partial=deny")

    assert (allowed.status_code, denied.status_code) == (200, 503)


async def test_lost_on_the_way(time: FakeTime) -> None:
    """A walk that lost an account is incomplete to its end, and a note says what to do."""
    platforms = three(down=())
    platforms["eu2"].fail_next(403, path="/tasks")
    async with serving(platforms, time) as client:
        pages = await walk(client, "/v1/tasks?limit=1")

    note = "Earlier pages of this walk lack tasks of eu2; begin it again."
    assert ids(*pages) == ["us5.1", "eu2.1", "au1.1"]
    assert [page["meta"]["complete"] for page in pages] == [False] * 3
    assert [page["meta"]["notes"] for page in pages] == [[], [note], [note]]
    told = {each["account"]: each["problem"] for each in pages[1]["meta"]["accounts"]}
    assert told == dict.fromkeys(ALIASES)


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/1"])
async def test_all_alike(time: FakeTime, path: str) -> None:
    """When all accounts fail alike their failure keeps its name, and tells whose it is."""
    platforms = three(down=())
    for platform in platforms.values():
        platform.fail_next(403, path=path.removeprefix("/v1"))
    async with serving(platforms, time) as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-auth-failed")
    assert answer.json()["detail"].startswith("au1, eu2, us5: ")
    assert answer.json()["upstream"]["status"] == 403


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/1"])
async def test_each_its_own(time: FakeTime, path: str) -> None:
    """When accounts fail in several ways each is told with its own, and the shortest wait."""
    platforms = three(down=("eu2",))
    platforms["au1"].fail_next(403, path=path.removeprefix("/v1"))
    platforms["us5"].fail_next(429, headers={"Retry-After": "3"}, path=path.removeprefix("/v1"))
    async with serving(platforms, time) as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")
    told = answer.json()["detail"]
    for each in ("au1 (upstream-auth-failed)", "eu2 (upstream-unavailable)", "upstream-throttled"):
        assert each in told
    assert answer.headers["retry-after"] == "3"


async def test_overloaded(time: FakeTime) -> None:
    """A full queue of our own is 503 at once, makes us not ready, and is no account's fault."""
    platforms = {"eu2": FakeUpstream(tasks=[a_task(1)])}
    bounds = {"concurrency": 1, "rate": "1/s", "timeout_s": 2, "deadline_s": 4}
    async with serving(platforms, time, upstream=bounds) as client:
        await get(client, "/v1/tasks")
        time.now += 1
        platforms["eu2"].gate.clear()
        waiting = [
            asyncio.create_task(client.get(f"/v1/tasks?limit={limit}")) for limit in (1, 2, 3)
        ]
        await idle()
        refused = await client.get("/v1/tasks?limit=4")
        ready = await client.get("/readyz")
        accounts = await get(client, "/v1/accounts")
        platforms["eu2"].gate.set()
        answers = await asyncio.gather(*waiting)

    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert "stored" not in refused.headers["cache-status"]
    assert (ready.status_code, ready.json()["status"]) == (503, "overloaded")
    assert accounts["items"][0]["status"] == "ok"
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("path", "down", "status"),
    [
        pytest.param("/v1/tasks", ("us5",), 200, id="list"),
        pytest.param("/v1/tasks/1", ("us5",), 200, id="one"),
        pytest.param("/v1/tasks", ("au1", "us5"), 503, id="nothing"),
    ],
)
async def test_crowd(time: FakeTime, path: str, down: tuple[str, ...], status: int) -> None:
    """What lacks an account for want of room is of its moment: the next caller asks anew."""
    platforms = three(down=down)
    platforms["eu2"].gate.clear()
    bounds = {"concurrency": 1, "rate": "1/s", "timeout_s": 2, "deadline_s": 4}
    async with serving(platforms, time, upstream=bounds) as client:
        mine = [f"/v1/tasks?account=eu2&limit={limit}" for limit in (1, 2, 3)]
        waiting = [asyncio.create_task(client.get(each)) for each in mine]
        await idle()
        crowded = await client.get(path)
        platforms["eu2"].gate.set()
        await asyncio.gather(*waiting)

    assert (crowded.status_code, "stored" in crowded.headers["cache-status"]) == (status, False)
    assert status == 200 or crowded.json()["code"] == "overloaded"


async def test_forbidden_object(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """One object that the platform forbids says nothing of its account."""
    upstream.fail_next(403, path="/tasks/1", times=2)
    unknown = await client.get("/v1/tasks/1")
    accounts = [await get(client, "/v1/accounts")]
    await get(client, "/v1/tasks")
    await client.get("/v1/tasks/1", headers={"Cache-Control": "no-cache"})
    accounts.append(await get(client, "/v1/accounts"))

    assert (unknown.status_code, unknown.json()["code"]) == (502, "upstream-auth-failed")
    assert [each["items"][0]["status"] for each in accounts] == ["unknown", "ok"]


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/1"])
async def test_all_down(time: FakeTime, path: str) -> None:
    """When all accounts fail it is an error that names them, never an empty list or a 404."""
    async with serving(three(down=ALIASES), time) as client:
        answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unavailable")
    assert all(alias in answer.json()["detail"] for alias in ALIASES)
    assert answer.headers["retry-after"] == "5"


async def test_might_have_had_it(time: FakeTime) -> None:
    """A task that no account shows is not "not found" while an account fails."""
    async with serving(three(down=("eu2",)), time) as client:
        answer = await client.get("/v1/tasks/99")
        mine = await client.get("/v1/tasks/us5.99")

    assert (answer.status_code, answer.json()["account"]) == (503, "eu2")
    assert mine.status_code == 404


async def test_found_elsewhere(time: FakeTime) -> None:
    """A task found while another account fails is kept for a short time: it may be ambiguous."""
    platforms = three(down=())
    for alias in ("eu2", "us5"):
        platforms[alias].fail_next(403, path="/tasks/1")
    async with serving(platforms, time) as client:
        answer = await client.get("/v1/tasks/1")

    assert (answer.status_code, answer.json()["id"]) == (200, "au1.1")
    assert answer.headers["cache-control"] == "private, max-age=4"


async def test_deadline(time: FakeTime) -> None:
    """An account that needs longer than one answer may take is a timeout, and says so."""
    platforms = {"eu2": FakeUpstream()}
    platforms["eu2"].token_gate.clear()
    async with serving(platforms, time, upstream={"deadline_s": 0.01}) as client:
        answer = await client.get("/v1/tasks")

    assert (answer.status_code, answer.json()["code"]) == (504, "upstream-timeout")
