"""When accounts fail: a partial answer says so, and an empty one is never made of failures."""

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving
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
    platforms = three(down=("eu2",))
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
    assert answer.headers["retry-after"] == "5"


async def test_partial_denied_alone(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """When the only account fails its own failure is told, denied or not."""
    upstream.fail_next(403, path="/tasks")
    answer = await client.get("/v1/tasks?partial=deny")

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-auth-failed")


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
    platforms = three(down=("eu2", "us5"))
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
