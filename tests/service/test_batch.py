"""Batch get: few calls, any form of id, and what was not found."""

import itertools

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

UUID = "00000000-0000-4000-8000-{:012}"


def two_accounts() -> dict[str, FakeUpstream]:
    """Return two platforms with other tasks each."""
    return {
        "eu2": FakeUpstream(tasks=[a_task(number) for number in range(1, 100)]),
        "us5": FakeUpstream(
            tasks=[a_task(number, uuid=UUID.format(number)) for number in range(1001, 1100)]
        ),
    }


async def test_all_forms(time: FakeTime) -> None:
    """Ids in all three forms are found over all accounts, by two calls to each."""
    platforms = two_accounts()
    asked = [*range(1, 30), *(f"us5.{number}" for number in range(1001, 1031))]
    asked += [UUID.format(number).upper() for number in (*range(40, 60), *range(1040, 1060))]
    async with serving(platforms, time) as client:
        body = await get(client, f"/v1/tasks?limit=1000&id={','.join(map(str, asked))}")

    assert len(body["items"]) == len(asked)
    assert body["meta"]["missing_ids"] == []
    assert [platform.calls("/tasks") for platform in platforms.values()] == [2, 2]


async def test_missing(time: FakeTime) -> None:
    """Ids that were not found are told as they were sent, those without a valid form too."""
    sent = [
        "1",
        "EU2.77777",
        "us5.1",
        "xx.1",
        "eu2.nonsense",
        "AAAAAAAA-0000-4000-8000-000000000000",
    ]
    async with serving(two_accounts(), time) as client:
        body = await get(client, f"/v1/tasks?id={'&id='.join(sent)}")

    assert ids(body) == ["eu2.1"]
    assert body["meta"]["missing_ids"] == sorted(sent[1:])


async def test_nobody_to_ask(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """When no account can have any of the ids, none is asked and none is called healthy."""
    body = await get(client, "/v1/tasks?id=zz.1,nonsense")
    accounts = await get(client, "/v1/accounts")

    assert body["items"] == []
    assert body["meta"]["missing_ids"] == ["nonsense", "zz.1"]
    assert (body["meta"]["data_as_of"], body["meta"]["accounts"]) == (None, [])
    assert upstream.calls("/tasks") == 0
    assert accounts["items"][0]["status"] == "unknown"


@pytest.mark.parametrize(
    "filters",
    [
        "status=failed",
        "category=patch",
        "result=error&roots_only=true",
        "state=completed&status=queued",
        "created_after=0&created_before=1",
    ],
    ids=["pushed", "local", "both", "contradictory", "window"],
)
async def test_filtered_out(client: httpx.AsyncClient, filters: str) -> None:
    """An id that exists but is filtered out is not missing; one that doesn't exist is."""
    body = await get(client, f"/v1/tasks?id=1,{UUID.format(2)},eu2.99&{filters}")

    assert body["items"] == []
    assert body["meta"]["missing_ids"] == ["eu2.99"]
    assert body["page"]["has_more"] is False


async def test_filtered(time: FakeTime) -> None:
    """Filters choose among the ids of several accounts, and a walk tells each page's missing."""
    platforms = two_accounts()
    for platform in platforms.values():
        for task in platform.tasks[::2]:
            task["result"] = {"code": "error"}
    asked = f"1,2,3,us5.1001,us5.1002,{UUID.format(1003)},7777"
    async with serving(platforms, time) as client:
        pages = await walk(client, f"/v1/tasks?limit=2&status=failed&id={asked}")

    assert ids(*pages) == ["us5.1003", "us5.1001", "eu2.3", "eu2.1"]
    assert [page["meta"]["missing_ids"] for page in pages] == [["7777"]] * 2


async def test_only_its_account(time: FakeTime) -> None:
    """Only accounts that may have one of the ids are asked, and only they are told of."""
    platforms = two_accounts()
    async with serving(platforms, time) as client:
        body = await get(client, "/v1/tasks?id=eu2.1,eu2.2")
        accounts = await get(client, "/v1/accounts")

    assert [each["account"] for each in body["meta"]["accounts"]] == ["eu2"]
    assert platforms["us5"].calls("/tasks") == 0
    assert [each["status"] for each in accounts["items"]] == ["ok", "unknown"]


async def test_without_id(client: httpx.AsyncClient) -> None:
    """Without `id=` nothing can be missing, and the key says null."""
    body = await get(client, "/v1/tasks")

    assert body["meta"]["missing_ids"] is None


@pytest.mark.parametrize("text", ["7", UUID.format(7)], ids=["number", "uuid"])
async def test_ambiguous(time: FakeTime, text: str) -> None:
    """A bare id that two accounts know is 409 with the candidates."""
    platforms = {alias: FakeUpstream(tasks=[a_task(7)]) for alias in ("eu2", "us5")}
    async with serving(platforms, time) as client:
        answers = [await client.get(f"/v1/tasks{form}{text}") for form in ("?id=", "/")]
        exact = await get(client, "/v1/tasks?id=us5.7")

    for answer in answers:
        assert answer.status_code == 409
        assert answer.json()["code"] == "ambiguous-id"
        assert answer.json()["errors"][0]["allowed"] == "eu2.7, us5.7"
    assert ids(exact) == ["us5.7"]


async def test_failed_account(time: FakeTime) -> None:
    """An id that a failed account might have is not called missing."""
    platforms = two_accounts()
    platforms["us5"].fail_next(403, path="/tasks")
    async with serving(platforms, time) as client:
        body = await get(client, f"/v1/tasks?id=1,us5.1001,5555,eu2.5555,{UUID.format(6)}")

    assert sorted(ids(body)) == ["eu2.1", "eu2.6"]
    assert body["meta"]["missing_ids"] == ["eu2.5555"]
    assert body["meta"]["complete"] is False


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_walk(time: FakeTime, sort: str) -> None:
    """A batch is walked like any list, and each page knows what is missing."""
    asked = ["3", "us5.1002", UUID.format(4), "9", "us5.1007", "eu2.9", "5555"]
    async with serving(two_accounts(), time) as client:
        pages = await walk(client, f"/v1/tasks?limit=2&sort={sort}&id={','.join(asked)}")

    found = list(itertools.chain(*([item["id"] for item in page["items"]] for page in pages)))
    assert sorted(found) == ["eu2.3", "eu2.4", "eu2.9", "us5.1002", "us5.1007"]
    assert [page["meta"]["missing_ids"] for page in pages] == [["5555"]] * 3


async def test_two_hundred(time: FakeTime) -> None:
    """Two hundred ids are split over as many calls as URLs of a common length need."""
    platforms = {"eu2": FakeUpstream(tasks=[a_task(number) for number in range(1, 300)])}
    async with serving(platforms, time) as client:
        asked = ",".join(str(number) for number in range(1, 201))
        body = await get(client, f"/v1/tasks?limit=1000&id={asked}")
        refused = await client.get(f"/v1/tasks?id={asked},201")

    assert len(body["items"]) == 200
    assert platforms["eu2"].calls("/tasks") == 2
    assert (refused.status_code, refused.json()["code"]) == (400, "too-many-ids")
