"""`Cache-Status` and the headers beside it, read by a structured-field parser (RFC 9211)."""

from typing import Any

import http_sf
import httpx
import pytest

from tests.support.platform import FakeTime
from tests.support.serving import idle
from tests.support.upstream import FakeUpstream

PATH = "/v1/tasks?limit=5"
# after so many seconds, platform's failure, Cache-Control, query, status, what is told
MATRIX = {
    "hit": (3, None, "", "", 200, {"hit": True, "ttl": 7}),
    "young enough": (3, None, "max-age=3", "", 200, {"hit": True, "ttl": 7}),
    "too old": (3, None, "max-age=2", "", 200, {"fwd": "request", "fwd-status": 200, "stored": 1}),
    "now": (0, None, "no-cache", "", 200, {"fwd": "request", "fwd-status": 200, "stored": 1}),
    "twin": (3, None, "", "&max_age=0", 200, {"fwd": "request", "fwd-status": 200, "stored": 1}),
    "behind": (15, None, "", "", 200, {"hit": True, "ttl": -5}),
    "stale": (60, None, "", "", 200, {"fwd": "stale", "fwd-status": 200, "stored": 1}),
    "max-stale": (60, None, "max-stale", "", 200, {"hit": True, "ttl": -50}),
    "insists": (15, None, "max-age=60", "", 200, {"fwd": "stale", "fwd-status": 200, "stored": 1}),
    "cached": (15, None, "only-if-cached", "", 200, {"hit": True, "ttl": -5}),
    "not cached": (60, None, "", "&cached_only=true", 504, None),
    "not stored": (60, None, "no-store", "", 200, {"fwd": "bypass", "fwd-status": 200}),
    "outage": (
        60, 429, "", "", 200,
        {"fwd": "stale", "fwd-status": 503, "stored": 1, "ttl": -50, "detail": "stale-if-error"},
    ),
    "outage for long": (700, 429, "", "", 503, {"fwd": "stale", "fwd-status": 503, "stored": 1}),
    "no old": (
        60, 429, "stale-if-error=5", "", 503, {"fwd": "stale", "fwd-status": 503, "stored": 1}
    ),
}  # fmt: skip


def _told(answer: httpx.Response) -> dict[str, Any]:
    parsed: Any = http_sf.parse(answer.headers["cache-status"].encode(), tltype="list")
    ((name, parameters),) = parsed
    assert str(name) == "taskgate"
    return {key: told if isinstance(told, int) else str(told) for key, told in parameters.items()}


@pytest.mark.parametrize("case", MATRIX.values(), ids=MATRIX)
async def test_matrix(
    client: httpx.AsyncClient, upstream: FakeUpstream, time: FakeTime, case: tuple[Any, ...]
) -> None:
    """What became of a question that was asked before is told as RFC 9211 says."""
    after_s, failure, directive, twin, status, told = case
    await client.get(PATH)
    time.now += after_s
    if failure is not None:
        upstream.fail_next(failure, path="/tasks")
    answer = await client.get(PATH + twin, headers={"Cache-Control": directive})
    await idle()

    assert answer.status_code == status
    assert ("cache-status" in answer.headers) == (told is not None)
    if told is not None:
        assert _told(answer) == told
        assert answer.headers["server-timing"].startswith("cache;desc=")


async def test_late(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Who has no more time gets the old answer, which says so, or 504."""
    await client.get(PATH)
    upstream.gate.clear()
    hurry = {"X-Request-Timeout-Ms": "1", "Cache-Control": "no-cache"}
    old = await client.get(PATH, headers=hurry)
    none = await client.get("/v1/tasks/1", headers=hurry)
    upstream.gate.set()

    assert _told(old) == {"fwd": "request", "ttl": 10, "detail": "late"}
    assert (none.status_code, none.json()["code"]) == (504, "upstream-timeout")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_coding(client: httpx.AsyncClient, coding: str) -> None:
    """Each coding has an ETag of its own, which 304 repeats without naming the coding."""
    plain = await client.get(PATH, headers={"Accept-Encoding": "identity"})
    coded = await client.get(PATH, headers={"Accept-Encoding": coding})
    etag = coded.headers["etag"]
    held = {"Accept-Encoding": coding, "If-None-Match": etag}
    known = await client.get(PATH, headers=held)

    assert coded.headers["content-encoding"] == coding
    assert int(coded.headers["content-length"]) < len(plain.content)
    assert coded.headers["etag"] == plain.headers["etag"][:-1] + f'-{coding}"'
    assert (known.status_code, known.headers["etag"]) == (304, etag)
    assert "content-encoding" not in known.headers
    assert coded.content == plain.content
