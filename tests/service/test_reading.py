"""Walks over one account: every task once, in order, whatever happens between two pages."""

import itertools
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from tests.support.platform import FakeTime
from tests.support.serving import get, ids, serving, walk
from tests.support.upstream import FakeUpstream, a_task

RUNNING: dict[str, Any] = {"state": "started", "result": None, "completedAt": None}
SORTS = ["created_at", "-created_at"]


def unreadable(place: float) -> dict[str, Any]:
    """Return an item that stands where the task of that number would, with an id that is none."""
    return a_task(int(place)) | {"id": place, "idString": "?", "uuid": None}


def tied(number: int) -> dict[str, Any]:
    """Return a task that was created at the same instant as all others."""
    return a_task(number, enqueuedAt="2026-01-01T00:00:00Z")


def numbers(pages: Sequence[dict[str, Any]]) -> list[str]:
    """Return the upstream ids of a walk, unreadable ones as `?`."""
    found = itertools.chain.from_iterable(page["items"] for page in pages)
    return ["?" if item["anomalies"] else item["upstream_id"] for item in found]


@pytest.mark.parametrize("sort", SORTS)
async def test_living_platform(time: FakeTime, sort: str) -> None:
    """A walk returns what existed at its start once, in order, while tasks come and change."""
    sandbox = create_sandbox(clock=time.clock, history_days=2)
    start_ns = int(time.clock() * 1e9)
    since_ns = start_ns - 6 * 3600 * 10**9
    existed = {
        f"eu2.{row['id']}"
        for row in sandbox.state.dataset.task_rows(start_ns)
        if row["enqueuedAt"] >= since_ns
    }
    async with serving(
        {"eu2": httpx.ASGITransport(sandbox)},
        time,
        client_id=DEFAULT_CLIENT_ID,
        secret=DEFAULT_CLIENT_SECRET,
    ) as client:
        query = f"created_after={since_ns // 10**9}&limit=7&sort={sort}"
        pages = await walk(client, f"/v1/tasks?{query}", time=time, step_s=20)

    walked = ids(*pages)
    assert len(existed) > 30
    assert len(walked) == len(set(walked))
    assert existed <= set(walked)
    created = [item["created_at"] for page in pages for item in page["items"]]
    assert created == sorted(created, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 3, 30])
async def test_ties(
    client: httpx.AsyncClient, upstream: FakeUpstream, sort: str, limit: int
) -> None:
    """Ties in the sort key go by id, in the sort's direction, and never stop a walk."""
    upstream.tasks = [tied(number) for number in range(1, 12)]
    pages = await walk(client, f"/v1/tasks?limit={limit}&sort={sort}")

    order = sorted(range(1, 12), reverse=sort.startswith("-"))
    assert numbers(pages) == [str(number) for number in order]


async def costs(client: httpx.AsyncClient, path: str, *upstreams: FakeUpstream) -> list[int]:
    """Return how many calls each page of a walk costs the account that is asked most."""
    told: list[int] = []
    following: str | None = path
    while following and len(told) < 500:
        before = [upstream.calls("/tasks") for upstream in upstreams]
        following = (await get(client, following))["page"]["next"]
        calls = zip(upstreams, before, strict=True)
        told.append(max(upstream.calls("/tasks") - count for upstream, count in calls))
    return told


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("pages_max", [1, 2, 5])
async def test_deep_tie(time: FakeTime, sort: str, pages_max: int) -> None:
    """Ties beyond the page budget of a scan stop no walk, and no answer reads more than it may."""
    tasks = [a_task(1), *[tied(number) for number in range(2, 50)], a_task(50)]
    upstream = FakeUpstream(tasks=[task | RUNNING for task in tasks], page_max=3)
    path = f"/v1/tasks?limit=4&status=running&sort={sort}"
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": pages_max}) as client:
        spent = await costs(client, path, upstream)
        pages = await walk(client, path)

    order = [*range(2, 50), 1, 50] if sort == "created_at" else [50, 1, *range(49, 1, -1)]
    assert numbers(pages) == [str(number) for number in order]
    assert max(spent) <= pages_max


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", ["", "&status=running"], ids=["all", "scanned"])
async def test_ties_in_pages_of_one(time: FakeTime, sort: str, filters: str) -> None:
    """A budget of one page of one task gets on too: it alone takes a second page, in a tie."""
    platforms = {
        alias: FakeUpstream(tasks=[tied(n) | RUNNING for n in range(1, 6)], page_max=1)
        for alias in ("au1", "eu2")
    }
    async with serving(platforms, time, upstream={"scan_pages_max": 1}) as client:
        path = f"/v1/tasks?limit=2&sort={sort}{filters}"
        spent = await costs(client, path, *platforms.values())
        pages = await walk(client, path)

    wanted = [(n, alias) for n in range(1, 6) for alias in platforms]
    wanted.sort(reverse=sort.startswith("-"))
    assert ids(*pages) == [f"{alias}.{number}" for number, alias in wanted]
    assert all(page["meta"]["complete"] for page in pages)
    assert max(spent) <= (2 if filters else 3)


async def test_deep_tie_of_accounts(time: FakeTime) -> None:
    """A deep tie over several accounts is walked within the budget of each, ids that tie too."""
    own = {"au1": range(0, 60, 2), "eu2": range(0, 60, 3), "us5": range(50, 52)}
    platforms = {
        alias: FakeUpstream(tasks=[tied(number) | RUNNING for number in numbers_], page_max=4)
        for alias, numbers_ in own.items()
    }
    async with serving(platforms, time, upstream={"scan_pages_max": 2}) as client:
        spent = await costs(client, "/v1/tasks?limit=3&status=running", *platforms.values())
        pages = await walk(client, "/v1/tasks?limit=3&status=running")

    wanted = sorted(((n, alias) for alias, all_ in own.items() for n in all_), reverse=True)
    assert ids(*pages) == [f"{alias}.{number}" for number, alias in wanted]
    assert max(spent) <= 2


@pytest.mark.parametrize("sort", SORTS)
async def test_deep_tie_pushed_down(time: FakeTime, sort: str) -> None:
    """Where nothing is filtered here, only pages that bring nothing count."""
    upstream = FakeUpstream(tasks=[tied(number) for number in range(1, 90)], page_max=2)
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 3}) as client:
        spent = await costs(client, f"/v1/tasks?limit=4&sort={sort}", upstream)
        pages = await walk(client, f"/v1/tasks?limit=4&sort={sort}")

    assert sorted(map(int, numbers(pages))) == [*range(1, 90)]
    assert max(spent) <= 3 + 4


@pytest.mark.parametrize("sort", SORTS)
async def test_without_any_key(time: FakeTime, sort: str) -> None:
    """Tasks that all lack the sort field are passed by a bound, within the budget."""
    upstream = FakeUpstream(tasks=[a_task(n, enqueuedAt=None) for n in range(9, 99)], page_max=3)
    upstream.tasks.append(a_task(1))
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 2}) as client:
        spent = await costs(client, f"/v1/tasks?limit=2&sort={sort}", upstream)
        pages = await walk(client, f"/v1/tasks?limit=2&sort={sort}")

    assert numbers(pages) == ["1"]
    assert max(spent) <= 2 + 1


@pytest.mark.parametrize("sort", SORTS)
async def test_never(time: FakeTime, sort: str) -> None:
    """The year 1 is no time, lies before every other, and ends a walk that goes back."""
    never = {"enqueuedAt": "0001-01-01T00:00:00Z"}
    upstream = FakeUpstream(tasks=[a_task(n, **never) for n in range(9, 99)], page_max=3)
    upstream.tasks += [a_task(1), a_task(2)]
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 2}) as client:
        pages = await walk(client, f"/v1/tasks?limit=1&sort={sort}")

    assert sorted(numbers(pages)) == ["1", "2"]


@pytest.mark.parametrize("sort", [*SORTS, "started_at", "-started_at"])
async def test_never_before(client: httpx.AsyncClient, upstream: FakeUpstream, sort: str) -> None:
    """The year 1 is before no bound, alone or not; to leave it out costs no call and no scan."""
    for task in upstream.tasks[::2]:
        task["startedAt"] = "0001-01-01T00:00:00Z"
    path = f"/v1/tasks?started_before=2026-06-01T00:00:00Z&limit=4&sort={sort}"
    costly = await costs(client, path, upstream)
    pages = await walk(client, path)

    order = sorted(range(2, 13, 2), reverse=sort.startswith("-"))
    assert numbers(pages) == [str(number) for number in order]
    assert set(costly) == {1}
    assert pages[0]["meta"]["scanned"] is None


async def test_never_before_is_no_loss(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """What can't be read is left in, and where no page brings anything the budget ends."""
    upstream.tasks = [a_task(n, startedAt="0001-01-01T00:00:00Z") for n in range(3, 40)]
    upstream.tasks += [unreadable(2.5), a_task(2)]
    upstream.page_max = 3
    pages = await walk(client, "/v1/tasks?started_before=2026-06-01T00:00:00Z&limit=2")

    assert numbers(pages) == ["?", "2"]


async def test_keys_that_cannot_be_read(time: FakeTime) -> None:
    """Where the platform orders by what can't be read, the walk ends, and as no healthy end."""
    odd = {"enqueuedAt": "2026-01-01T00:00:61Z"}
    page: dict[str, Any] = {
        "items": [a_task(7, **odd)],
        "paging": {"cursors": {"after": "WzAsIFtdXQ=="}},
    }
    upstream = FakeUpstream()
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 1}) as client:
        upstream.fail_next(200, body=page, path="/tasks", times=9)
        first = await get(client, "/v1/tasks")
        second = await client.get(first["page"]["next"])

    assert first["items"] == []
    assert (second.status_code, second.json()["code"]) == (502, "upstream-invalid-response")


@pytest.mark.parametrize("sort", SORTS)
async def test_unreadable_at_the_head_of_a_window(time: FakeTime, sort: str) -> None:
    """A walk that begins with what can't be read stays in its window."""
    upstream = FakeUpstream(tasks=[a_task(number) for number in range(1, 9)])
    upstream.tasks += [unreadable(2.5), unreadable(5.5)]
    bounds = "created_after=2026-01-01T00:00:02.6Z&created_before=2026-01-01T00:00:05.6Z"
    async with serving({"eu2": upstream}, time) as client:
        pages = await walk(client, f"/v1/tasks?limit=1&sort={sort}&{bounds}")

    assert [each for each in numbers(pages) if each != "?"] == (
        ["3", "4", "5"] if sort == "created_at" else ["5", "4", "3"]
    )


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(
    "places",
    [
        [0.5, 1, 2, 2.5],
        [1, 1.2, 1.4, 1.6, 1.8, 2, 3, 3.5, 4],
        [0.1, 0.2, 0.3, 0.4, 1, 1.1, 1.2, 1.3, 1.4],
        [1.2, 1.4, 1.6, 1.8],
    ],
    ids=["ends", "middle", "rows", "all"],
)
async def test_unreadable(
    client: httpx.AsyncClient,
    upstream: FakeUpstream,
    places: list[float],
    limit: int,
    sort: str,
) -> None:
    """An item that can't be read stays where the platform put it and comes once."""
    readable = [a_task(int(place)) for place in places if place == int(place)]
    upstream.tasks = readable + [unreadable(place) for place in places if place != int(place)]
    pages = await walk(client, f"/v1/tasks?limit={limit}&sort={sort}")

    order = sorted(places, reverse=sort.startswith("-"))
    assert numbers(pages) == [str(place) if place == int(place) else "?" for place in order]
    assert len(set(ids(*pages))) == len(places)


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_unreadable_twins(
    client: httpx.AsyncClient, upstream: FakeUpstream, limit: int
) -> None:
    """Unreadable items are counted one by one, also when they are alike to the last byte."""
    upstream.tasks = [a_task(3), *[unreadable(2.5)] * 4, a_task(2), a_task(1)]
    pages = await walk(client, f"/v1/tasks?limit={limit}")

    assert numbers(pages) == ["3", "?", "?", "?", "?", "2", "1"]


@pytest.mark.parametrize(
    ("state", "left"), [("started", ["?", "2"]), ("completed", ["?", "2"])], ids=["stays", "goes"]
)
async def test_unreadable_behind_the_place(
    client: httpx.AsyncClient, upstream: FakeUpstream, state: str, left: list[str]
) -> None:
    """An unreadable item comes next, whether the task before it is still in the list or not."""
    upstream.tasks = [a_task(3) | RUNNING, unreadable(2.5) | RUNNING, a_task(2) | RUNNING]
    first = await get(client, "/v1/tasks?limit=1&state=started")
    upstream.tasks[0]["state"] = state
    rest = await walk(client, first["page"]["next"])

    assert numbers([first]) == ["3"]
    assert numbers(rest) == left


async def test_unreadable_before_the_place(
    client: httpx.AsyncClient, upstream: FakeUpstream
) -> None:
    """An unreadable item before the walk's place was passed, though nothing before it returns."""
    odd = unreadable(3.5) | {"enqueuedAt": "2026-01-01T00:00:00Z"}
    upstream.tasks = [tied(3), odd, tied(2), tied(1)]
    pages = await walk(client, "/v1/tasks?limit=1")

    assert numbers(pages) == ["?", "3", "2", "1"]


@pytest.mark.parametrize(("page_max", "shown"), [(2, 6), (30, 19)], ids=["too many", "enough"])
async def test_unreadable_without_end(time: FakeTime, page_max: int, shown: int) -> None:
    """Unreadable items beyond the budget end a walk, and as no healthy end; they tell no place."""
    upstream = FakeUpstream(tasks=[a_task(9) | RUNNING], page_max=page_max)
    upstream.tasks += [unreadable(8 - number / 100) | RUNNING for number in range(1, 20)]
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 3}) as client:
        first = await get(client, "/v1/tasks?limit=1&state=started")
        upstream.tasks[0]["state"] = "completed"
        spent, found, answer = [], 0, await client.get(first["page"]["next"])
        while answer.status_code == 200 and (path := answer.json()["page"]["next"]):
            before, found = upstream.calls("/tasks"), found + len(answer.json()["items"])
            answer = await client.get(path)
            spent.append(upstream.calls("/tasks") - before)

    found += len(answer.json().get("items", ()))
    assert (found, answer.status_code) == (shown, 200 if shown == 19 else 502)
    assert max(spent) <= 3


async def test_page_size(time: FakeTime) -> None:
    """A large page takes as many calls as it needs and comes whole."""
    upstream = FakeUpstream(tasks=[a_task(number) for number in range(1, 120)])
    async with serving({"eu2": upstream}, time, upstream={"page_size_max": 5}) as client:
        first = await get(client, "/v1/tasks?limit=100")
        rest = await get(client, f"{first['page']['next']}&limit=1000")

    assert (len(first["items"]), len(rest["items"])) == (100, 19)
    assert first["meta"]["scanned"] is None
    assert rest["page"] == {"limit": 1000, "has_more": False, "next_cursor": None, "next": None}


@pytest.mark.parametrize("status", ["running", "canceling", "unknown", "running,succeeded"])
async def test_filtered_here(time: FakeTime, status: str) -> None:
    """A filter of ours reads a bounded number of pages, says what it saw, and finds everything."""
    kinds: list[dict[str, Any]] = [
        RUNNING,
        RUNNING | {"cancelRequested": True},
        {"result": {"code": "new"}},
        {},
    ]
    tasks = [a_task(number) | kinds[number % 4] for number in range(1, 500)]
    upstream = FakeUpstream(tasks=tasks, page_max=100)
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 2}) as client:
        pages = await walk(client, f"/v1/tasks?limit=60&status={status}")

    statuses = ("running", "canceling", "unknown", "succeeded")
    wanted = [n for n in range(499, 0, -1) if statuses[n % 4] in status.split(",")]
    assert ids(*pages) == [f"eu2.{number}" for number in wanted]
    assert all(page["meta"]["scanned"] <= 200 for page in pages)
    assert upstream.calls("/tasks") <= 2 * len(pages)


async def test_short_pages(time: FakeTime) -> None:
    """A page may be short, even empty, while the walk goes on; the needle is found."""
    tasks = [a_task(1) | RUNNING | {"cancelRequested": True}]
    tasks += [a_task(number) | RUNNING for number in range(2, 500)]
    upstream = FakeUpstream(tasks=tasks, page_max=100)
    async with serving({"eu2": upstream}, time, upstream={"scan_pages_max": 2}) as client:
        pages = await walk(client, "/v1/tasks?status=canceling")

    assert [len(page["items"]) for page in pages] == [0] * (len(pages) - 1) + [1]
    assert [page["page"]["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert {page["meta"]["scanned"] for page in pages[:-1]} == {200}


@pytest.mark.parametrize("sort", SORTS)
async def test_window(client: httpx.AsyncClient, sort: str) -> None:
    """Windows include their begin and not their end, and reading stops there."""
    bounds = "created_after=2026-01-01T00:00:03.1Z&created_before=2026-01-01T00:00:06.1Z"
    pages = await walk(client, f"/v1/tasks?limit=2&sort={sort}&{bounds}")

    assert sorted(numbers(pages)) == ["3", "4", "5"]
    assert pages[-1]["page"]["has_more"] is False


async def test_moved_meanwhile(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A task that changes its place while a page is read in pieces comes once."""
    upstream.tasks = [a_task(2), a_task(1), a_task(1)]
    body = await get(client, "/v1/tasks?sort=updated_at")

    assert ids(body) == ["eu2.1", "eu2.2"]


@pytest.mark.parametrize(
    ("sort", "field"), [("started_at", "startedAt"), ("created_at", "enqueuedAt")]
)
async def test_without_the_field(
    client: httpx.AsyncClient, upstream: FakeUpstream, sort: str, field: str
) -> None:
    """Readable tasks without the sort field are left out, and a note says so."""
    upstream.tasks = [a_task(1), a_task(2, **{field: None}), a_task(3)]
    body = await get(client, f"/v1/tasks?sort={sort}")

    assert ids(body) == ["eu2.1", "eu2.3"]
    assert sort in body["meta"]["notes"][0]


@pytest.mark.parametrize("limit", [5, 1000], ids=["page size", "largest"])
async def test_calls_of_a_walk(time: FakeTime, limit: int) -> None:
    """A page of a walk costs one call, also where no more can be asked for at once."""
    tasks = [a_task(number) for number in range(limit * 2)]
    upstream = FakeUpstream(tasks=tasks, page_max=limit)
    async with serving({"eu2": upstream}, time, upstream={"page_size_max": limit}) as client:
        pages = await walk(client, f"/v1/tasks?limit={limit}&fields=id")

    assert len(set(ids(*pages))) == len(tasks)
    assert upstream.calls("/tasks") == len(pages)


OTHER = {"number": "1", "uuid": a_task(1)["uuid"]}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
@pytest.mark.parametrize("form", ["/", "?id="], ids=["one", "batch"])
async def test_another_item(
    client: httpx.AsyncClient, upstream: FakeUpstream, form: str, text: str
) -> None:
    """An answer with another item than was asked for is unreadable, and never passes for it."""
    page = {"items": [a_task(2)]}
    upstream.fail_next(200, body=a_task(2), path="/tasks/1")
    upstream.fail_next(200, body=page, path="/tasks")
    answer = await client.get(f"/v1/tasks{form}{text}")

    assert (answer.status_code, answer.json()["code"]) == (502, "upstream-invalid-response")
    assert answer.json()["account"] == "eu2"


async def test_unreadable_in_a_batch(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """An item that can't be read tells no id to hold against what was asked for."""
    upstream.fail_next(200, body={"items": [7, a_task(1)]}, path="/tasks")
    body = await get(client, "/v1/tasks?id=1")

    assert "eu2.1" in ids(body)


async def test_mended_page(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A page without items is no end as long as it has a cursor."""
    empty = {"items": [], "paging": {"cursors": {"after": "WzAsIFtdXQ=="}}}
    upstream.fail_next(200, body=empty, path="/tasks")
    body = await get(client, "/v1/tasks?sort=created_at")

    assert len(body["items"]) == 12
