"""Every route of items from the outside: HEAD, methods, mistakes, headers."""

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.upstream import FakeUpstream, an_activity

LISTS = ["/v1/tasks", "/v1/activities"]
ROUTES = [*LISTS, "/v1/tasks/eu2.1", "/v1/activities/eu2.1", "/v1/tasks/eu2.1/activities"]


@pytest.fixture(autouse=True)
def _steps(upstream: FakeUpstream) -> None:
    upstream.activities = [an_activity(number, 1) for number in (1, 2, 3)]


@pytest.mark.parametrize("route", ROUTES)
async def test_head(client: httpx.AsyncClient, time: FakeTime, route: str) -> None:
    """`HEAD` answers as `GET` would, without the body, and both are one question."""
    answer = await client.head(route)
    time.now += 1
    full = await client.get(route)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == full.headers["etag"]
    assert answer.headers["content-length"] == full.headers["content-length"]
    assert full.headers["age"] == "1"


@pytest.mark.parametrize("route", [*ROUTES, "/v1/accounts"])
async def test_unknown_parameter(
    client: httpx.AsyncClient, upstream: FakeUpstream, route: str
) -> None:
    """An unknown parameter is refused on every route, for `HEAD` too, and costs nothing."""
    answer = await client.get(f"{route}?fileds=id")
    head = await client.head(f"{route}?fileds=id")

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown-parameter")
    assert answer.json()["errors"][0]["parameter"] == "fileds"
    meant = None if route == "/v1/accounts" else "fields"
    assert answer.json()["errors"][0].get("did_you_mean") == meant
    assert (head.status_code, head.content) == (400, b"")
    assert not upstream.requests


@pytest.mark.parametrize(
    ("route", "query", "told"),
    [
        (LISTS[0], "statuss=failed&limit=0&sort=name&include=x", "include limit sort statuss"),
        (
            LISTS[1],
            "queue=x&created_after=yesterday&status=canceling",
            "created_after queue status",
        ),
        (ROUTES[2], "status=failed&fields=idd&include=children", "fields include status"),
        (ROUTES[3], "view=tree&include=activities", "include view"),
        (ROUTES[4], "view=forest&limit=5&fields=queue", "fields limit view"),
    ],
    ids=ROUTES,
)
async def test_several_mistakes(
    client: httpx.AsyncClient, upstream: FakeUpstream, route: str, query: str, told: str
) -> None:
    """Several mistakes are told in one answer, each with its parameter and what is allowed."""
    answer = await client.get(f"{route}?{query}")

    errors = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-parameter")
    assert " ".join(sorted(each["parameter"] for each in errors)) == told
    assert all(each["detail"] for each in errors)
    assert not upstream.requests


@pytest.mark.parametrize("route", ROUTES)
async def test_method(client: httpx.AsyncClient, route: str) -> None:
    """Any other method is 405 and says what is allowed."""
    answer = await client.delete(route)

    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("route", ROUTES)
async def test_etag(client: httpx.AsyncClient, upstream: FakeUpstream, route: str) -> None:
    """Who holds the answer already gets 304 and no body."""
    etag = (await client.get(route)).headers["etag"]
    calls = len(upstream.requests)
    answer = await client.get(route, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert len(upstream.requests) == calls


@pytest.mark.parametrize("route", LISTS)
async def test_link(client: httpx.AsyncClient, route: str) -> None:
    """`Link` repeats `page.next`, which stays on the list it came from; the last page has none."""
    first = await client.get(f"{route}?limit=2")
    following = first.json()["page"]["next"]
    last = await client.get(f"{following}&limit=1000")

    assert first.headers["link"] == f'<{following}>; rel="next"'
    assert following.startswith(f"{route}?cursor=")
    assert "link" not in last.headers
