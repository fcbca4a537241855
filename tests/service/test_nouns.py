"""`/v1/activities`: what holds of tasks holds of them, in a key space of their own."""

import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task, an_activity

UUID = "00000000-0000-4000-8000-{:012}"


def two() -> dict[str, FakeUpstream]:
    """Return two platforms: task n has the steps n (which shares its id and UUID) and n + 100."""
    return {alias: platform(numbers) for alias, numbers in (("eu2", (1, 2)), ("us5", (2, 3)))}


def platform(numbers: tuple[int, ...]) -> FakeUpstream:
    """Return a platform with tasks of two steps; the second failed and stands below the first."""
    steps = [an_activity(number, number) for number in numbers]
    error = {"code": "error", "error": {"code": "Boom", "domain": "X"}}
    steps += [
        an_activity(number + 10, number, parentActivityId=number, result=error)
        for number in numbers
    ]
    return FakeUpstream(tasks=[a_task(number) for number in numbers], activities=steps)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["us5.13", "us5.12", "eu2.12", "eu2.11", "us5.3", "us5.2", "eu2.2", "eu2.1"]),
        ("sort=created_at&limit=3&account=eu2", ["eu2.1", "eu2.2", "eu2.11", "eu2.12"]),
        ("status=failed&limit=2", ["us5.13", "us5.12", "eu2.12", "eu2.11"]),
        ("status_group=active", []),
        ("error_code=Boom&limit=1", ["us5.13", "us5.12", "eu2.12", "eu2.11"]),
        ("task=eu2.1", ["eu2.11", "eu2.1"]),
        ("task=eu2.1,us5.2", ["us5.12", "eu2.11", "us5.2", "eu2.1"]),
        ("task=2", ["us5.12", "eu2.12", "us5.2", "eu2.2"]),
        ("task=eu2.3", []),
        ("parent=eu2.1,us5.3", ["us5.13", "eu2.11"]),
        ("parent=eu2.1&task=us5.2", []),
        ("created_before=2026-01-01T00:00:03Z&sort=-updated_at", ["us5.2", "eu2.2", "eu2.1"]),
    ],
)
async def test_lists(time: FakeTime, query: str, found: list[str]) -> None:
    """Filters and walks are those of tasks; `task` and `parent` take ids of several accounts."""
    async with serving(two(), time) as client:
        pages = await walk(client, f"/v1/activities?{query}")

    assert ids(*pages) == found
    assert {item["object"] for page in pages for item in page["items"]} <= {"activity"}


async def test_cost(time: FakeTime) -> None:
    """Steps of one account's task cost one call to that account, and none when asked again."""
    platforms = two()
    async with serving(platforms, time) as client:
        for query in ("task=eu2.1&status=failed", "status=FAILED&task=EU2.1,eu2.1"):
            body = await get(client, f"/v1/activities?{query}")

    assert ids(body) == ["eu2.11"]
    assert [each["account"] for each in body["meta"]["accounts"]] == ["eu2"]
    assert [each.calls("/activities") for each in platforms.values()] == [1, 0]


async def test_batch(time: FakeTime) -> None:
    """A batch finds activities by all forms of id, and ids of tasks alone are missing."""
    platforms = two()
    platforms["eu2"].tasks.append(a_task(9))
    async with serving(platforms, time) as client:
        asked = f"11,us5.2,{UUID.format(13)},9,eu2.77"
        body = await get(client, f"/v1/activities?id={asked}")
        ambiguous = await client.get("/v1/activities?id=12")

    assert ids(body) == ["us5.13", "eu2.11", "us5.2"]
    assert body["meta"]["missing_ids"] == ["9", "eu2.77"]
    assert ambiguous.json()["errors"][0]["allowed"] == "eu2.12, us5.12"
    assert "activity" in ambiguous.json()["detail"]


@pytest.mark.parametrize("text", ["eu2.1", "1", UUID.format(1)], ids=["ours", "bare", "uuid"])
async def test_key_space(time: FakeTime, text: str) -> None:
    """A root activity that shares id and UUID with its task is never mistaken for it."""
    async with serving(two(), time) as client:
        answers = [await get(client, f"/v1/{noun}/{text}") for noun in ("tasks", "activities") * 2]
        lists = [await get(client, f"/v1/{noun}?id={text}") for noun in ("tasks", "activities")]

    assert [each["object"] for each in answers] == ["task", "activity"] * 2
    assert {each["id"] for each in answers} == {"eu2.1"}
    assert [each["items"][0]["object"] for each in lists] == ["task", "activity"]


@pytest.mark.parametrize("text", ["eu2.99", "99", UUID.format(99), "xx.1", "nonsense"])
async def test_none(time: FakeTime, text: str) -> None:
    """An activity that nobody knows is 404, in its own words."""
    async with serving(two(), time) as client:
        answer = await client.get(f"/v1/activities/{text}")

    assert (answer.status_code, answer.json()["code"]) == (404, "activity-not-found")


async def test_lifetimes(time: FakeTime) -> None:
    """An activity is kept as a task is: finished for long, unfinished shortly."""
    platforms = {"eu2": platform((1,))}
    platforms["eu2"].activities[1] |= {"state": "started", "result": None}
    async with serving(platforms, time) as client:
        answers = [await client.get(f"/v1/activities/eu2.{number}") for number in (1, 11)]

    kept = [answer.headers["cache-control"] for answer in answers]
    assert kept == ["private, max-age=3600", "private, max-age=5"]


async def test_shape(time: FakeTime) -> None:
    """Activities take `fields` and `include`, but have no activities of their own."""
    async with serving(two(), time) as client:
        found = await get(client, "/v1/activities/eu2.1?fields=task_id&include=raw")
        refused = await client.get("/v1/activities?include=activities&queue=x&fields=queue")

    assert list(found) == ["id", "task_id", "raw"]
    assert found["raw"]["taskIdString"] == "1"
    told = [each["parameter"] for each in refused.json()["errors"]]
    assert sorted(told) == ["fields", "include", "queue"]


@pytest.mark.parametrize(("own", "other"), [("tasks", "activities"), ("activities", "tasks")])
async def test_cursor_of_the_other(time: FakeTime, own: str, other: str) -> None:
    """A cursor of one list is refused at the other, with and without filters beside it."""
    async with serving(two(), time) as client:
        page = (await get(client, f"/v1/{own}?limit=1&status=succeeded"))["page"]
        alone = await client.get(f"/v1/{other}?cursor={page['next_cursor']}")
        beside = await client.get(f"/v1/{other}?status=succeeded&cursor={page['next_cursor']}")

    assert page["next"].startswith(f"/v1/{own}?")
    assert [each.status_code for each in (alone, beside)] == [400, 400]
    assert {each.json()["code"] for each in (alone, beside)} == {"cursor-mismatch"}
