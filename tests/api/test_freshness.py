"""How an answer came and how long it stays: headers alone, never the body."""

import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import dawdling, serving
from tests.support.upstream import FakeUpstream, a_task

VARY = "Accept, Accept-Encoding, Authorization, Origin, X-API-Key"


async def test_miss_then_hit(client: httpx.AsyncClient, time: FakeTime) -> None:
    """A first answer is a miss and stored; later ones are hits that age."""
    first = await client.get("/v1/tasks")
    time.now += 3.5
    second = await client.get("/v1/tasks")

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    told = ["cache-status", "age", "cache-control", "vary"]
    assert [first.headers[name] for name in told] == [
        "taskgate; fwd=miss; fwd-status=200; stored",
        "0",
        "private, max-age=10",
        VARY,
    ]
    assert [second.headers[name] for name in told] == [
        "taskgate; hit; ttl=6",
        "3",
        "private, max-age=6",
        VARY,
    ]


async def test_server_timing(time: FakeTime) -> None:
    """`Server-Timing` tells how the answer came and the milliseconds that finding it took."""
    transport = dawdling(FakeUpstream(tasks=[a_task(1)]), time, spend_s=0.25)
    async with serving({"eu2": transport}, time) as client:
        told = [(await client.get("/v1/tasks")).headers["server-timing"] for _ in range(2)]

    assert told == ["cache;desc=miss;dur=250.000", "cache;desc=hit;dur=0.000"]


async def test_one_request(client: httpx.AsyncClient) -> None:
    """A body holds nothing of one request: the caller's id comes back in a header, if sane."""
    one = await client.get("/v1/tasks", headers={"X-Request-Id": "mine-1"})
    other = await client.get("/v1/tasks", headers={"X-Request-Id": "mine 2"})

    assert one.content == other.content
    assert one.headers["x-request-id"] == "mine-1"
    assert other.headers["x-request-id"] not in {"mine 2", ""}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"other", {etag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("nonsense", 200),
    ],
    ids=["same", "weak", "list", "any", "other", "unquoted"],
)
async def test_if_none_match(client: httpx.AsyncClient, form: str, status: int) -> None:
    """Who holds the answer gets 304 and its headers, RFC 9110 section 13.1.2."""
    full = await client.get("/v1/tasks?limit=5")
    etag = full.headers["etag"]
    answer = await client.get(
        "/v1/tasks?limit=5", headers={"If-None-Match": form.format(etag=etag)}
    )

    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else full.content)
    for name in ("etag", "cache-control", "vary", "link", "age"):
        assert answer.headers[name] == full.headers[name]


async def test_two_fields(client: httpx.AsyncClient) -> None:
    """`If-None-Match` may come in several fields, which are one list."""
    etag = (await client.get("/v1/tasks")).headers["etag"]
    headers = [("If-None-Match", '"other"'), ("If-None-Match", etag)]

    assert (await client.get("/v1/tasks", headers=headers)).status_code == 304


async def test_changed(client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime) -> None:
    """Another answer has another ETag, and a failure is told whatever the caller holds."""
    etag = (await client.get("/v1/tasks")).headers["etag"]
    upstream.tasks.pop()
    time.now += 41
    changed = await client.get("/v1/tasks", headers={"If-None-Match": etag})
    upstream.fail_next(429, path="/tasks")
    time.now += 700
    failed = await client.get("/v1/tasks", headers={"If-None-Match": "*"})

    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    assert failed.status_code == 503
    assert "etag" not in failed.headers


async def test_kept_failure(client: httpx.AsyncClient, time: FakeTime) -> None:
    """A kept failure says that it was kept, and never that it may be kept by the caller."""
    first = await client.get("/v1/tasks/99")
    time.now += 2
    second = await client.get("/v1/tasks/99")

    assert first.status_code == second.status_code == 404
    assert first.headers["cache-status"] == "taskgate; fwd=miss; fwd-status=404; stored"
    assert second.headers["cache-status"] == "taskgate; hit; ttl=3"
    assert (second.headers["age"], second.headers["cache-control"]) == ("2", "no-store")
    assert second.headers["vary"] == VARY


@pytest.mark.parametrize(
    ("spend_s", "accepted", "coding"),
    [
        pytest.param(60, "gzip", "gzip", id="in time"),
        pytest.param(90, "gzip", None, id="late"),
        pytest.param(90, "gzip, identity;q=0", "gzip", id="late and nothing else will do"),
    ],
)
async def test_no_time_to_press(
    time: FakeTime, spend_s: float, accepted: str, coding: str | None
) -> None:
    """A large answer that comes at the last moment is sent as it is, unless that is refused."""
    platform = FakeUpstream(tasks=[a_task(number) for number in range(1, 201)])
    transport = dawdling(platform, time, spend_s=spend_s)
    async with serving({"eu2": transport}, time) as client:
        headers = {"Accept-Encoding": accepted}
        answer = await client.get("/v1/tasks?limit=200", headers=headers)

    assert len(answer.json()["items"]) == 200
    assert len(answer.text) > 65_536
    assert answer.headers.get("content-encoding") == coding
