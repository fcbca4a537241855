"""HEAD and 304 beside GET, in every coding: the same headers, no body."""

import httpx
import pytest

PATH = "/v1/tasks?limit=5"
CODINGS = ("identity", "gzip", "br", "zstd")
# They differ from one request to the next.
ONCE = {"x-request-id", "server-timing", "traceparent"}
# RFC 9110 section 15.4.5; `Date` is the server's.
NEEDED = {"cache-control", "content-location", "etag", "expires", "vary"}
# They describe the body that does not come.
OF_THE_BODY = {"content-encoding", "content-length", "content-type"}


def lasting(answer: httpx.Response) -> dict[str, str]:
    """Return the headers that equal requests have in common."""
    return {name: value for name, value in answer.headers.items() if name not in ONCE}


@pytest.mark.parametrize("coding", CODINGS)
async def test_head(client: httpx.AsyncClient, coding: str) -> None:
    """`HEAD` has every header of `GET`, `Content-Length` too (RFC 9110 section 9.3.2)."""
    await client.get(PATH)
    full = await client.get(PATH, headers={"Accept-Encoding": coding})
    head = await client.head(PATH, headers={"Accept-Encoding": coding})

    assert (head.status_code, head.content) == (200, b"")
    assert lasting(head) == lasting(full)
    assert head.headers.get("content-encoding", "identity") == coding
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_not_modified(client: httpx.AsyncClient, coding: str, method: str) -> None:
    """A 304 has the headers of its 200 but for those of the body (RFC 9110 section 15.4.5)."""
    await client.get(PATH)
    full = await client.get(PATH, headers={"Accept-Encoding": coding})
    held = {"Accept-Encoding": coding, "If-None-Match": f'"x", W/{full.headers["etag"]}'}
    answer = await client.request(method, PATH, headers=held)

    assert (answer.status_code, answer.content) == (304, b"")
    assert NEEDED & set(full.headers) <= set(answer.headers)
    kept = {name: value for name, value in lasting(full).items() if name not in OF_THE_BODY}
    assert lasting(answer) == kept


async def test_other_coding(client: httpx.AsyncClient) -> None:
    """Who holds one coding and asks for another gets that: they are other bytes."""
    gzipped = await client.get(PATH, headers={"Accept-Encoding": "gzip"})
    held = {"Accept-Encoding": "br", "If-None-Match": gzipped.headers["etag"]}
    answer = await client.get(PATH, headers=held)

    assert answer.status_code == 200
    assert answer.headers["etag"] != gzipped.headers["etag"]


async def test_repeated(client: httpx.AsyncClient) -> None:
    """A header that is sent twice is one list: the strictest of what was asked holds."""
    await client.get(PATH)
    headers = [("Accept-Encoding", "gzip;q=0"), ("Accept-Encoding", "br;q=0.5")]
    answer = await client.get(PATH, headers=[*headers, ("Cache-Control", "max-stale")])
    now = await client.get(
        PATH, headers=[("Cache-Control", "max-stale"), ("Cache-Control", "no-cache")]
    )

    assert answer.headers["content-encoding"] == "br"
    assert "fwd=request" in now.headers["cache-status"]


@pytest.mark.parametrize("refused", ["identity;q=0", "*;q=0", "br;q=0, identity;q=0.000"])
async def test_not_acceptable(client: httpx.AsyncClient, refused: str) -> None:
    """Who refuses all that there is gets 406, whatever is kept or held."""
    answer = await client.get(PATH, headers={"Accept-Encoding": refused, "If-None-Match": "*"})

    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")
