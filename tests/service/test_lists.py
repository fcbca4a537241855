"""The envelope of a list, its cursors and what it says of its own completeness."""

from random import Random
from string import ascii_letters, digits

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import get, ids, walk
from tests.support.upstream import FakeUpstream, a_task


async def test_envelope(client: httpx.AsyncClient) -> None:
    """Every key of the envelope is always there."""
    body = await get(client, "/v1/tasks?status=failed")

    as_of = "2027-01-15T08:00:00.000Z"
    assert body == {
        "items": [],
        "page": {"limit": 100, "has_more": False, "next_cursor": None, "next": None},
        "meta": {
            "data_as_of": as_of,
            "complete": True,
            "accounts": [{"account": "eu2", "data_as_of": as_of, "problem": None}],
            "scanned": None,
            "missing_ids": None,
            "notes": [],
        },
    }


async def test_next(client: httpx.AsyncClient) -> None:
    """`page.next` is the path of the next page, and the cursor alone says the same."""
    first = await client.get("/v1/tasks?limit=5&status=succeeded&sort=created_at")
    page = first.json()["page"]
    second = await get(client, page["next"])
    alone = await get(client, f"/v1/tasks?cursor={page['next_cursor']}")

    assert page["has_more"] is True
    assert first.headers["link"] == f'<{page["next"]}>; rel="next"'
    assert second == alone
    assert ids(second) == [f"eu2.{number}" for number in range(6, 11)]


@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_limit_changes(client: httpx.AsyncClient, limit: int) -> None:
    """The limit may change within a walk, and holds from there on."""
    first = await get(client, "/v1/tasks?limit=5")
    pages = await walk(client, f"{first['page']['next']}&limit={limit}")

    assert ids(first, *pages) == [f"eu2.{number}" for number in range(12, 0, -1)]
    assert {page["page"]["limit"] for page in pages} == {limit}


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ("status=succeeded,failed&created_after=90d", 200),
        ("created_after=90d&status=FAILED&status=succeeded&sort=-created_at", 200),
        ("status=failed", 400),
        ("status=succeeded,failed&created_after=90d&sort=created_at", 400),
        ("status=succeeded,failed", 200),
        ("created_after=90d&limit=3", 200),
        ("created_after=80d", 400),
        ("partial=deny", 200),
    ],
    ids=["equal", "spelt", "fewer", "sort", "some", "other", "another", "partial"],
)
async def test_repeated_filters(
    client: httpx.AsyncClient, upstream: FakeUpstream, filters: str, status: int
) -> None:
    """What is repeated beside a cursor must be what it was made for, however it is spelt."""
    upstream.tasks = [a_task(number, enqueuedAt="2027-01-14T00:00:00Z") for number in range(9)]
    first = await get(client, "/v1/tasks?limit=5&status=failed,succeeded&created_after=90d")
    answer = await client.get(f"{first['page']['next']}&{filters}")

    assert answer.status_code == status
    assert answer.json().get("code") == (None if status == 200 else "cursor-mismatch")


@pytest.mark.parametrize(
    ("made", "beside", "status"),
    [
        ("tenant=1496265&tenant_scope=exact", "tenant_scope=exact", 200),
        ("tenant=1496265&tenant_scope=exact", "tenant=1496265&tenant_scope=exact", 200),
        ("tenant=1496265&tenant_scope=exact", "tenant_scope=subtree", 400),
        ("tenant=1496265&tenant_scope=exact", "tenant=1496265", 200),
        ("tenant=1496265", "tenant_scope=exact", 400),
        ("tenant=1496265", "tenant_scope=subtree", 200),
        ("tenant_scope=exact", "tenant_scope=exact", 200),
    ],
)
async def test_repeated_scope(
    client: httpx.AsyncClient, upstream: FakeUpstream, made: str, beside: str, status: int
) -> None:
    """The scope of tenants may be repeated beside a cursor without the tenants."""
    upstream.tasks = [a_task(number) for number in range(9)]
    first = await get(client, f"/v1/tasks?limit=1&{made}")
    answer = await client.get(f"{first['page']['next']}&{beside}")

    assert answer.status_code == status


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: "A" + text, lambda _: "x"])
async def test_tampered(client: httpx.AsyncClient, change: object) -> None:
    """A cursor that was changed, or never ours, is refused."""
    assert callable(change)
    cursor = (await get(client, "/v1/tasks?limit=5"))["page"]["next_cursor"]
    answer = await client.get("/v1/tasks", params={"cursor": change(cursor)})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor-malformed")


def tags(length: int) -> str:
    """Return a query of labels that can't be packed, so many bytes long."""
    rand = Random(1)  # noqa: S311  # no secret
    return "limit=1&tag=x" + "".join(
        "&tag=" + "".join(rand.choices(ascii_letters + digits, k=200)) for _ in range(length // 205)
    )


async def test_no_room_for_a_cursor(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """A query whose next page would have too long an address is refused before anybody is asked."""
    answer = await client.get(f"/v1/tasks?{tags(8000)}")

    assert (answer.status_code, answer.json()["code"]) == (414, "uri-too-long")
    assert upstream.calls("/tasks") == 0


async def test_room_for_a_cursor(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """What is not refused can be walked to its end, however long its cursor."""
    upstream.tasks = [a_task(number, tags=["x"]) for number in range(3)]
    pages = await walk(client, f"/v1/tasks?{tags(7400)}")

    assert ids(*pages) == ["eu2.2", "eu2.1", "eu2.0"]
    assert 7000 < len(pages[0]["page"]["next"]) < 8000


async def test_ages_keep_their_anchor(
    client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime
) -> None:
    """An age means the same instant on every page of a walk, however long the walk takes."""
    upstream.tasks = [
        a_task(number, enqueuedAt=f"2027-01-15T07:00:{number:02}Z") for number in range(10, 20)
    ]
    pages = await walk(
        client, "/v1/tasks?limit=3&sort=created_at&created_after=1h", time=time, step_s=2000
    )
    fresh = await get(client, "/v1/tasks?created_after=1h")

    assert len(ids(*pages)) == 10
    assert ids(fresh) == []


async def test_arrivals(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Tasks that arrive during a walk neither repeat others nor push them out."""
    first = await get(client, "/v1/tasks?limit=4")
    upstream.tasks += [a_task(number) for number in range(50, 60)]
    rest = await walk(client, first["page"]["next"])

    assert ids(first, *rest) == [f"eu2.{number}" for number in range(12, 0, -1)]


async def test_nothing_unsorted(client: httpx.AsyncClient) -> None:
    """A batch sorted by a field that tasks may lack has no note while none lacks it."""
    body = await get(client, "/v1/tasks?id=1,2&sort=completed_at")

    assert body["meta"]["notes"] == []
