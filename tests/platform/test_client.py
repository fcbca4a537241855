"""Rules of asking the platform: parameters, pages, tokens, failures, ends."""

import asyncio
from collections.abc import Callable, Sequence

import anyio
import httpx
import pytest

from app.domain.reading import Page
from app.errors import (
    ActivityNotFoundError,
    OverloadedError,
    ServiceError,
    TaskNotFoundError,
    UpstreamAuthFailedError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamInvalidResponseError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.platform.account import Bounds
from app.platform.client import SLICE, PlatformClient
from app.platform.events import (
    BreakerMoved,
    GateClosed,
    ItemsRead,
    RetryScheduled,
    TokenRefreshed,
    TokenRefreshFailed,
    TurnTaken,
    UpstreamCalled,
)
from tests.support.platform import world
from tests.support.upstream import FakeUpstream, a_task, an_activity

TENANT = "6b1f0c0e-3f5b-4c5a-9d0e-0f6f6a2f6d11"
HTML = "<html><head><title>502 Bad Gateway</title></head></html>"


def stocked(count: int = 5) -> FakeUpstream:
    """Return a platform with tasks 1 to `count`."""
    return FakeUpstream(tasks=[a_task(number) for number in range(1, count + 1)])


def with_activities() -> FakeUpstream:
    """Return a platform whose task 1 has the activities 1 to 3; task 9 has none."""
    return FakeUpstream(
        tasks=[a_task(1), a_task(9)],
        activities=[an_activity(number, 1) for number in (1, 2, 3)],
    )


async def walk(
    client: PlatformClient, *params: tuple[str, str], limit: int = 2
) -> list[list[int | None]]:
    """Return the numbers of all tasks, page by page."""
    return [numbers(page) async for page in client.task_pages(params, limit=limit)]


def numbers(page: Page) -> list[int | None]:
    """Return the numbers of a page's tasks."""
    return [reading.number for reading in page.readings]


def sent(upstream: FakeUpstream, path: str) -> list[Sequence[tuple[str, str]]]:
    """Return the parameters of each request to a path."""
    return [
        request.url.params.multi_items()
        for request in upstream.requests
        if request.url.path.endswith(path)
    ]


async def test_pages() -> None:
    """A walk yields all pages in order, and the last says so."""
    here = world(upstream=stocked())
    pages = [page async for page in here.client.task_pages([("order", "desc(id)")], limit=2)]

    assert [numbers(page) for page in pages] == [[5, 4], [3, 2], [1]]
    assert [page.last for page in pages] == [False, False, True]


async def test_parameters() -> None:
    """Filters and order go with the first request only; limit and lod with every one (P§8)."""
    here = world(upstream=stocked(3))
    params = [("order", "asc(id)"), ("state", "completed"), ("state", "paused")]
    params.append(("enqueuedAt", "ge(2026-01-01T00:00:00.1Z)"))
    await walk(here.client, *params)
    first, second = sent(here.upstream, "/tasks")

    assert first == [*params, ("limit", "2"), ("lod", "full")]
    assert [name for name, _ in second] == ["limit", "lod", "after"]


async def test_cursors_are_encoded() -> None:
    """A cursor's `+`, `/` and `=` are percent-encoded (P§8)."""
    here = world()
    page = {"items": [], "paging": {"cursors": {"after": "a+/=="}}}
    here.upstream.fail_next(200, body=page, path="/tasks")
    here.upstream.fail_next(200, body={"items": []}, path="/tasks")
    await walk(here.client)

    assert b"after=a%2B%2F%3D%3D" in here.upstream.requests[-1].url.raw_path


async def test_page_size() -> None:
    """No request asks for more than `page_size_max`; a larger limit takes several calls."""
    here = world(upstream=stocked(), page_size_max=3)

    assert await walk(here.client, limit=1000) == [[1, 2, 3], [4, 5]]
    assert ("limit", "3") in sent(here.upstream, "/tasks")[0]


async def test_stopping() -> None:
    """A caller that stops iterating costs no further call."""
    here = world(upstream=stocked())
    async for _ in here.client.task_pages([], limit=2):
        break

    assert here.upstream.calls("/tasks") == 1


async def test_empty_page_within() -> None:
    """An empty page with a new cursor is a page like any other."""
    here = world(upstream=stocked(1))
    page = {"items": [], "paging": {"cursors": {"after": "W10="}}}
    here.upstream.fail_next(200, body=page, path="/tasks")
    here.upstream.fail_next(200, body={"items": [a_task(1)]}, path="/tasks")

    assert await walk(here.client) == [[], [1]]


async def test_repeated_cursor() -> None:
    """A cursor that comes twice ends the walk with an error, not with a short list."""
    here = world()
    page = {"items": [a_task(1)], "paging": {"cursors": {"after": "same"}}}
    here.upstream.fail_next(200, body=page, path="/tasks", times=99)

    with pytest.raises(UpstreamInvalidResponseError):
        await walk(here.client)
    assert here.upstream.calls("/tasks") == 2


async def test_pages_without_end() -> None:
    """A list of ever new cursors is given up after a bounded number of pages."""
    here = world(pages_max=10)
    for number in range(11):
        page = {"items": [], "paging": {"cursors": {"after": str(number)}}}
        here.upstream.fail_next(200, body=page, path="/tasks")

    with pytest.raises(UpstreamInvalidResponseError):
        await walk(here.client)
    assert here.upstream.calls("/tasks") == 10


async def test_items_are_told() -> None:
    """What was read is told: how many, and how many of them are odd in which way."""
    here = world(upstream=stocked(2))
    here.upstream.tasks[0]["state"] = "dreaming"
    here.upstream.tasks[1]["queue"] = 7
    await walk(here.client)
    await here.client.task("1")

    assert here.heard(ItemsRead) == [
        ItemsRead("eu2", 2, 1, {"unknown_state": 1}),
        ItemsRead("eu2", 1, 0, {"unknown_state": 1}),
    ]


async def test_task() -> None:
    """One task is asked for by its digits, in full."""
    here = world(upstream=FakeUpstream(tasks=[a_task(944455285181775873)]))
    reading = await here.client.task("944455285181775873")

    assert reading.number == 944455285181775873
    assert sent(here.upstream, "/tasks/944455285181775873") == [[("lod", "full")]]


async def test_activity_pages() -> None:
    """Activities are walked as tasks are, in their own terms."""
    here = world(upstream=with_activities())
    walked = here.client.activity_pages([("taskId", "1"), ("order", "desc(createdAt)")], limit=2)
    pages = [page async for page in walked]

    assert [[reading.item.id for reading in page.readings] for page in pages] == [
        ["eu2.3", "eu2.2"],
        ["eu2.1"],
    ]
    assert {reading.item.task_id for page in pages for reading in page.readings} == {"eu2.1"}
    assert here.upstream.calls("/activities") == 2


async def test_activity() -> None:
    """One activity is asked for by its digits, and is never the task of the same id."""
    here = world(upstream=with_activities())
    reading = await here.client.activity("1")

    assert (reading.item.object, reading.number) == ("activity", 1)
    assert sent(here.upstream, "/activities/1") == [[("lod", "full")]]


@pytest.mark.parametrize("upstream_id", ["9", "x"])
async def test_no_activity(upstream_id: str) -> None:
    """A missing activity is told as one, even where a task has the id."""
    here = world(upstream=with_activities())
    with pytest.raises(ActivityNotFoundError):
        await here.client.activity(upstream_id)

    assert (await here.client.task("9")).number == 9


async def test_activities_are_told() -> None:
    """Calls for activities have endpoint names of their own; items are told alike."""
    here = world(upstream=with_activities())
    [page] = [page async for page in here.client.activity_pages([], limit=9)]
    await here.client.activity("1")

    calls = [event for event in here.told if isinstance(event, UpstreamCalled)]
    assert page.last
    assert [call.endpoint for call in calls] == ["token", "activities", "activity"]
    assert here.heard(ItemsRead) == [ItemsRead("eu2", 3, 0, {}), ItemsRead("eu2", 1, 0, {})]


@pytest.mark.parametrize("upstream_id", ["", "-1", "1/../2", "²", "1?a=b", "38045860-8901"])
async def test_no_digits(upstream_id: str) -> None:
    """What is no id is not found, and the platform isn't asked."""
    here = world()
    with pytest.raises(TaskNotFoundError):
        await here.client.task(upstream_id)

    assert here.upstream.requests == []


async def test_not_found() -> None:
    """A missing task is told without a word about where it was looked for."""
    here = world()
    with pytest.raises(TaskNotFoundError) as caught:
        await here.client.task("7")

    assert "eu2" not in caught.value.detail
    assert caught.value.account is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"domain": "TaskManager", "code": "NotFound"}, id="bare"),
        pytest.param({"error": {"domain": "TaskManager", "code": 1004}}, id="wrapped"),
    ],
)
async def test_not_found_in_its_shapes(body: object) -> None:
    """A 404 that names domain and code is the platform's, bare or wrapped (P§12.2)."""
    here = world()
    here.upstream.fail_next(404, body=body, path="/tasks/1")

    with pytest.raises(TaskNotFoundError):
        await here.client.task("1")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(HTML, id="HTML"),
        pytest.param("", id="empty"),
        pytest.param({"detail": "Not Found"}, id="another service"),
        pytest.param({"code": 404, "message": "no route"}, id="no domain"),
        pytest.param({"error": {"domain": "Front"}}, id="no code"),
        pytest.param({"error": "not_found"}, id="a word"),
        pytest.param([], id="a list"),
    ],
)
async def test_not_found_by_a_front(body: object) -> None:
    """A 404 of something before the platform does not look like a task that is gone."""
    here = world(upstream=stocked(1))
    here.upstream.fail_next(404, body=body, path="/tasks/1")

    with pytest.raises(UpstreamInvalidResponseError) as caught:
        await here.client.task("1")
    assert caught.value.upstream is not None
    assert caught.value.upstream.status == 404


@pytest.mark.parametrize("kind", ["tasks", "activities"])
async def test_more_than_asked(kind: str) -> None:
    """A page beyond what may be asked for is refused, and none of its items is looked at."""
    here = world(upstream=with_activities(), page_size_max=2)
    here.upstream.fail_next(200, body={"items": [a_task(1)] * 3}, path=f"/{kind}")
    pages = {"tasks": here.client.task_pages, "activities": here.client.activity_pages}[kind]

    with pytest.raises(UpstreamInvalidResponseError, match="more items"):
        [page async for page in pages([], limit=1)]
    assert here.heard(ItemsRead) == []


async def test_overloaded() -> None:
    """An account is overloaded while as many calls wait for their turn as may."""
    here = world(bounds=Bounds(concurrency=1, rate=1, deadline_s=4))
    await here.client.login()
    here.upstream.gate.clear()
    seen, calls = [], []
    for number in range(4):
        calls.append(asyncio.create_task(here.client.task(str(number))))
        await anyio.wait_all_tasks_blocked()
        seen.append(here.client.overloaded)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)

    assert seen == [False, False, True, True]
    assert not here.client.overloaded


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        pytest.param(302, {"Location": "/login"}, UpstreamInvalidResponseError, id="redirect"),
        pytest.param(400, {}, UpstreamFailedError, id="refused query"),
        pytest.param(403, {}, UpstreamAuthFailedError, id="no right"),
        pytest.param(404, {}, UpstreamFailedError, id="no list"),
        pytest.param(429, {"Retry-After": "9"}, UpstreamThrottledError, id="throttled"),
    ],
)
async def test_refused_at_once(
    status: int, headers: dict[str, str], error: type[ServiceError]
) -> None:
    """A refusal is told at once, with the account; a redirect is never followed."""
    here = world()
    here.upstream.fail_next(status, headers=headers, path="/tasks")
    with pytest.raises(error) as caught:
        await walk(here.client)

    assert caught.value.account == "eu2"
    assert here.upstream.calls("/tasks") == 1
    assert len(here.upstream.requests) == 2


async def test_failure_after_retries() -> None:
    """A 5xx is told after three attempts, with what the platform said of it."""
    here = world()
    here.upstream.fail_next(500, body={"code": "Broken"}, path="/tasks", times=3)
    with pytest.raises(UpstreamFailedError) as caught:
        await walk(here.client)

    assert caught.value.upstream is not None
    assert caught.value.upstream.code == "Broken"
    assert here.upstream.calls("/tasks") == 3
    assert len(here.heard(RetryScheduled)) == 2


async def test_unavailable_for_a_while() -> None:
    """A 503 whose Retry-After passes the deadline is told at once, with the wait."""
    here = world()
    here.upstream.fail_next(503, headers={"Retry-After": "600"}, path="/tasks")
    with pytest.raises(UpstreamUnavailableError) as caught:
        await walk(here.client)

    assert caught.value.retry_after_s == 600
    assert here.time.slept == []


async def test_recovered() -> None:
    """A failure that passes within the retries is never seen."""
    here = world(upstream=stocked(1))
    here.upstream.fail_next(502, body=HTML, path="/tasks")
    here.upstream.break_next(httpx.ReadError("reset"), path="/tasks")

    assert await walk(here.client) == [[1]]


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        pytest.param(HTML, False, id="HTML"),
        pytest.param("", False, id="empty"),
        pytest.param('{"items": [', False, id="half of it"),
        pytest.param('{"items": [', True, id="connection lost"),
        pytest.param({"paging": {}}, False, id="no items"),
    ],
)
async def test_unreadable(body: object, cut: bool) -> None:  # noqa: FBT001
    """A success that can't be read is an error, never an empty list, and not asked for again."""
    here = world()
    here.upstream.fail_next(200, body=body, cut=cut, path="/tasks")
    with pytest.raises(UpstreamInvalidResponseError) as caught:
        await walk(here.client)

    assert caught.value.account == "eu2"
    assert here.upstream.calls("/tasks") == 1


async def test_calls_are_told() -> None:
    """Every call on the wire is told by its endpoint, those for a token included."""
    here = world(upstream=stocked(1))
    await walk(here.client)
    await here.client.task("1")

    assert here.heard(UpstreamCalled) == [
        UpstreamCalled("eu2", endpoint, "2xx", 0.0) for endpoint in ("token", "tasks", "task")
    ]


async def test_token_is_kept() -> None:
    """One token serves all calls until it is due."""
    here = world(upstream=stocked(1))
    await here.client.login()
    await walk(here.client)
    await here.client.login()

    assert here.upstream.calls("/token") == 1
    assert here.heard(TokenRefreshed) == [TokenRefreshed("eu2", 1, 7200.0)]


async def test_narrowed_token() -> None:
    """A tenant narrows the token (P§2.4)."""
    here = world(upstream=FakeUpstream(tenant=TENANT), tenant=TENANT)
    await here.client.login()

    assert f"tenant-id%3A{TENANT}".encode() in here.upstream.requests[0].content


async def test_vanished_secret() -> None:
    """A secret that can't be read any more is a matter of credentials, and is told as one."""

    def vanished() -> str:
        raise ValueError("CLIENT_SECRET_FILE can't be read: /run/secret: FileNotFoundError")

    here = world(secret=vanished)
    with pytest.raises(UpstreamAuthFailedError, match="can't be read") as caught:
        await here.client.login()

    assert caught.value.account == "eu2"
    assert "/run" not in caught.value.detail
    assert here.heard(TokenRefreshFailed) == [TokenRefreshFailed("eu2", "upstream-auth-failed")]


async def test_rotated_secret() -> None:
    """A secret that is replaced while it is on its way is no reason to fail."""
    secrets = iter(["old", "secret", "secret"])
    here = world(upstream=stocked(1), secret=lambda: next(secrets))

    assert await walk(here.client) == [[1]]
    assert here.upstream.calls("/token") == 2
    assert here.heard(TokenRefreshFailed) == []


async def test_rotated_later() -> None:
    """A secret that was refused is not sent again by the next caller, but a new one is at once."""
    secrets = ["old"]
    here = world(upstream=stocked(1), secret=lambda: secrets[0])
    for _ in range(2):
        with pytest.raises(UpstreamAuthFailedError):
            await walk(here.client)
    secrets[0] = "secret"

    assert await walk(here.client) == [[1]]
    assert here.upstream.calls("/token") == 2


async def test_reset_secret() -> None:
    """A reset voids tokens and secret: with the new one in its file no call fails (P§2.2)."""
    secrets = ["secret"]
    here = world(upstream=stocked(1), secret=lambda: secrets[0])
    await walk(here.client)
    here.upstream.revoke_tokens()
    here.upstream.client_secret = secrets[0] = "new"

    assert await walk(here.client) == [[1]]


async def test_revoked_token() -> None:
    """A token that is refused early is replaced once, and the call repeated once."""
    here = world(upstream=stocked(1))
    await here.client.login()
    here.upstream.revoke_tokens()

    assert await walk(here.client) == [[1]]
    assert (here.upstream.calls("/tasks"), here.upstream.calls("/token")) == (2, 2)


async def test_burst_of_refusals() -> None:
    """Many calls that are refused at once cost one new token."""
    here = world(upstream=stocked(1))
    await here.client.login()
    here.upstream.revoke_tokens()
    here.upstream.gate.clear()
    async with asyncio.TaskGroup() as group:
        walks = [group.create_task(walk(here.client)) for _ in range(10)]
        await anyio.wait_all_tasks_blocked()
        here.upstream.gate.set()

    assert [each.result() for each in walks] == 10 * [[[1]]]
    assert here.upstream.calls("/token") == 2


async def test_refused_twice() -> None:
    """A second 401 is the operator's matter, told after one new token."""
    here = world()
    here.upstream.fail_next(401, path="/tasks", times=9)
    with pytest.raises(UpstreamAuthFailedError) as caught:
        await walk(here.client)

    assert caught.value.status == 502
    assert (here.upstream.calls("/tasks"), here.upstream.calls("/token")) == (2, 2)


async def test_refused_for_ever() -> None:
    """A platform that refuses every token costs one token in 5 s, not one for every call."""
    here = world()
    here.upstream.fail_next(401, path="/tasks", times=9)
    for _ in range(3):
        with pytest.raises(UpstreamAuthFailedError):
            await walk(here.client)

    assert (here.upstream.calls("/tasks"), here.upstream.calls("/token")) == (4, 2)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, {"rows": []}, id="no items"),
        pytest.param(200, {"items": 5}, id="no list"),
        pytest.param(302, None, id="redirect"),
        pytest.param(401, None, id="refuses every token"),
        pytest.param(403, None, id="forbids"),
    ],
)
async def test_nonsense_and_refusals(status: int, body: object) -> None:
    """An account that answers nonsense or refuses us is left alone like one that fails."""
    here = world()
    here.upstream.fail_next(status, body=body, path="/tasks", times=99)
    for _ in range(40):
        with pytest.raises(UpstreamError):
            await walk(here.client)

    assert here.upstream.calls("/tasks") <= 6
    assert BreakerMoved("eu2", "api", "open") in here.told


async def test_throttled() -> None:
    """After a 429 nothing is asked until its time is over, and that is told at once."""
    here = world(upstream=stocked(1))
    here.upstream.fail_next(429, headers={"Retry-After": "5"}, path="/tasks")
    waits = []
    for here.time.now in (0.0, 1.0):
        with pytest.raises(UpstreamThrottledError) as caught:
            await walk(here.client)
        waits.append(caught.value.retry_after_s)
    here.time.now = 5.6

    assert await walk(here.client) == [[1]]
    assert waits == [5.0, 4.5]
    assert here.upstream.calls("/tasks") == 2


async def test_quiet_binds_retries() -> None:
    """A retry under way is not made when another call was asked for quiet meanwhile."""
    here = world(upstream=stocked(1))
    await here.client.login()
    here.upstream.fail_next(500, path="/tasks/1")
    here.upstream.fail_next(503, headers={"Retry-After": "5"}, path="/tasks/2")
    results = await asyncio.gather(
        here.client.task("1"), here.client.task("2"), return_exceptions=True
    )

    assert [type(result) for result in results] == 2 * [UpstreamUnavailableError]
    assert here.upstream.calls("/tasks/1") == 1


async def test_quiet_without_a_time() -> None:
    """A 429 that names no time means five seconds."""
    here = world()
    here.upstream.fail_next(429, path="/tasks")
    with pytest.raises(UpstreamThrottledError):
        await walk(here.client)

    assert here.heard(GateClosed) == [GateClosed("eu2", 5.5)]


async def test_dead_token_endpoint() -> None:
    """A token endpoint that is dead is asked by one caller, with its retries, not by each."""
    here = world()
    here.upstream.fail_next(503, path="/token", times=99)
    for _ in range(20):
        with pytest.raises(UpstreamUnavailableError) as caught:
            await walk(here.client)

    assert (caught.value.retry_after_s or 0) > 0
    assert here.upstream.calls("/token") == 3


async def test_token_past_its_life() -> None:
    """With the endpoint down past expiry no call goes out with the old token."""
    here = world(upstream=stocked(1))
    await walk(here.client)
    here.time.now = 7200.0
    here.upstream.fail_next(503, path="/token", times=99)
    with pytest.raises(UpstreamUnavailableError):
        await walk(here.client)

    assert here.upstream.calls("/tasks") == 1


@pytest.mark.parametrize("revoked", [True, False], ids=["parallel 401s", "as it expires"])
async def test_hundred_calls(revoked: bool) -> None:  # noqa: FBT001
    """However many calls need a new token at once, one is asked for and all succeed."""
    here = world(upstream=stocked(1), bounds=Bounds(concurrency=100, rate=1000))
    await here.client.login()
    if revoked:
        here.upstream.revoke_tokens()
    else:
        here.time.now = 7200.0
    here.upstream.gate.clear()
    async with asyncio.TaskGroup() as group:
        walks = [group.create_task(walk(here.client)) for _ in range(100)]
        await anyio.wait_all_tasks_blocked()
        here.upstream.gate.set()

    assert [each.result() for each in walks] == 100 * [[[1]]]
    assert here.upstream.calls("/token") == 2


async def test_calls_made_again() -> None:
    """Calls that are made once more after a 401 are made at the account's expense."""
    here = world(upstream=stocked(1), bounds=Bounds(concurrency=64, rate=20))
    await here.client.login()
    here.upstream.gate.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(walk(here.client))
        await anyio.wait_all_tasks_blocked()
        here.upstream.revoke_tokens()
        here.upstream.gate.set()
    await walk(here.client)

    assert here.upstream.calls("/tasks") == 41
    assert here.time.now == pytest.approx(21 / 20)


async def test_token_ends_before_the_retry() -> None:
    """No call is made with a token that is about to expire, nor a retry."""
    here = world(upstream=FakeUpstream(tasks=[a_task(1)], token_lifetime_s=20))
    await here.client.login()
    here.time.now = 17.8
    here.upstream.token_gate.clear()
    here.upstream.fail_next(503, path="/tasks")
    with pytest.raises(UpstreamFailedError):
        await walk(here.client)

    assert here.upstream.calls("/tasks") == 1


async def test_failing_platform() -> None:
    """A platform that fails with everything is left alone after five calls; few come later."""
    here = world()
    here.upstream.fail_next(503, path="/tasks", times=9999)
    for _ in range(1000):
        here.time.now += 0.01
        with pytest.raises(UpstreamError):
            await walk(here.client)

    assert here.upstream.calls("/tasks") <= 10
    assert here.heard(BreakerMoved)[0] == BreakerMoved("eu2", "api", "open")


@pytest.mark.parametrize("path", ["/tasks", "/token"])
async def test_left_alone_at_once(path: str) -> None:
    """While the platform or its token endpoint is left alone, nobody queues to be told so."""
    here = world(bounds=Bounds(rate=1))
    here.upstream.fail_next(500, path=path, times=9999)
    for _ in range(9):
        with pytest.raises(UpstreamError):
            await walk(here.client)
    taken, now = here.heard(TurnTaken), here.time.now
    for _ in range(50):
        with pytest.raises(UpstreamUnavailableError) as caught:
            await walk(here.client)

    assert (here.heard(TurnTaken), here.time.now) == (taken, now)
    assert caught.value.retry_after_s is not None


async def test_queue_is_emptied() -> None:
    """Those in the queue are told as the platform is given up, not one by one."""
    here = world(bounds=Bounds(concurrency=5, rate=20))
    await here.client.login()

    here.upstream.fail_next(302, path="/tasks", times=9999)
    results = await asyncio.gather(*(walk(here.client) for _ in range(60)), return_exceptions=True)

    assert here.upstream.calls("/tasks") <= 10
    assert here.time.now == 0
    assert sum(isinstance(each, UpstreamUnavailableError) for each in results) >= 50


async def test_queueing_counts() -> None:
    """The deadline covers the wait for a turn; who had none is told of the crowd."""
    here = world(bounds=Bounds(concurrency=1, rate=1000, deadline_s=0.02))
    here.upstream.gate.clear()
    results = await asyncio.gather(
        *(here.client.task(str(number)) for number in range(3)), return_exceptions=True
    )

    assert [type(result) for result in results] == [
        UpstreamTimeoutError,
        OverloadedError,
        OverloadedError,
    ]


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        pytest.param(lambda up: up.fail_next(400), UpstreamAuthFailedError, id="400"),
        pytest.param(lambda up: up.fail_next(403), UpstreamAuthFailedError, id="403"),
        pytest.param(lambda up: up.fail_next(200), UpstreamInvalidResponseError, id="empty"),
        pytest.param(lambda up: up.fail_next(500, times=3), UpstreamUnavailableError, id="failing"),
        pytest.param(
            lambda up: up.break_next(httpx.ConnectError(""), times=3),
            UpstreamUnavailableError,
            id="out of reach",
        ),
        pytest.param(
            lambda up: up.break_next(httpx.ReadTimeout("")), UpstreamUnavailableError, id="slow"
        ),
    ],
)
async def test_no_token(fail: Callable[[FakeUpstream], None], error: type[ServiceError]) -> None:
    """Without a token no call is made, and the reason is told, with the time of the next try."""
    here = world()
    fail(here.upstream)
    with pytest.raises(error) as caught:
        await walk(here.client)

    assert caught.value.account == "eu2"
    assert (caught.value.retry_after_s or 0) > 0
    assert here.upstream.calls("/tasks") == 0


async def test_deadline() -> None:
    """The deadline bounds a call as a whole, also while it waits for the platform."""
    here = world(deadline_s=0)
    here.upstream.gate.clear()
    here.upstream.token_gate.clear()
    with pytest.raises(UpstreamTimeoutError) as caught:
        await here.client.task("1")
    await here.client.aclose()

    assert caught.value.account == "eu2"


async def test_read_timeout() -> None:
    """A platform that is silent for too long is told as a time-out, after one attempt."""
    here = world()
    here.upstream.break_next(httpx.ReadTimeout(""), path="/tasks")
    with pytest.raises(UpstreamTimeoutError):
        await walk(here.client)

    assert here.upstream.calls("/tasks") == 1


async def test_cancellation() -> None:
    """A caller that is cancelled is cancelled, and harms no one who comes after."""
    here = world(upstream=stocked(1))
    here.upstream.token_gate.clear()
    caller = asyncio.create_task(walk(here.client))
    await anyio.wait_all_tasks_blocked()
    caller.cancel()
    await asyncio.wait({caller})
    here.upstream.token_gate.set()

    assert caller.cancelled()
    assert await walk(here.client) == [[1]]
    assert here.upstream.calls("/token") == 1


async def test_close() -> None:
    """Closing leaves no task behind, even while a token is on its way."""
    here = world()
    before = asyncio.all_tasks()
    here.upstream.token_gate.clear()
    caller = asyncio.create_task(here.client.login())
    await anyio.wait_all_tasks_blocked()
    await here.client.aclose()
    await asyncio.wait({caller})

    assert asyncio.all_tasks() == before


async def test_path_before_the_api() -> None:
    """A URL with a trailing slash is the same platform."""
    here = world(upstream=stocked(1), url="https://eu2-cloud.acronis.com/")

    assert await walk(here.client) == [[1]]
    assert here.upstream.requests[1].url.path == "/api/task_manager/v2/tasks"


async def test_large_page() -> None:
    """A large page is read in slices, whole and in order, and others have their turn between."""
    upstream = FakeUpstream(tasks=[a_task(number) for number in range(SLICE * 2 + 1)])
    ours = world(upstream=upstream)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    pages = [page async for page in ours.client.task_pages((), limit=1000)]
    counting.cancel()

    assert len({reading.number for reading in pages[0].readings}) == SLICE * 2 + 1
    assert turns >= 2


async def test_no_cookies() -> None:
    """Cookies of the platform are not kept: they would be sent back, and add up."""
    here = world(upstream=FakeUpstream(tasks=[a_task(1)]))
    here.upstream.fail_next(
        200, path="/tasks", body={"items": []}, headers={"Set-Cookie": "a=b; Path=/"}
    )
    for _ in range(2):
        async for _ in here.client.task_pages([], limit=1):
            pass

    assert "Cookie" not in here.upstream.requests[-1].headers
