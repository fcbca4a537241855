"""Bodies that stay as they are: pages, scripts and the document, in every coding."""

import asyncio
import gzip
from functools import partial

import anyio
import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import Request, Response

from app.api.fixed import Fixed
from tests.api.test_head import CODINGS, OF_THE_BODY, lasting
from tests.support.edge import edge

VERBS = ("GET", "HEAD")
LARGE = [
    "/openapi.json",
    "/static/swagger-ui/swagger-ui-bundle.js",
    "/static/redoc/redoc.standalone.js?v=0000",
    "/static/swagger-ui/swagger-ui.css",
    "/problems",
]


@pytest.mark.parametrize("path", LARGE)
async def test_codings(path: str) -> None:
    """Each coding of a large body is that body, smaller, under an ETag of its own."""
    async with edge().client() as client:
        answers = [await client.get(path, headers={"Accept-Encoding": each}) for each in CODINGS]

    assert {answer.content for answer in answers} == {answers[0].content}
    assert [answer.headers.get("content-encoding") for answer in answers] == [None, *CODINGS[1:]]
    assert len({answer.headers["etag"] for answer in answers}) == len(CODINGS)
    assert {answer.headers["vary"].split(", ")[-1] for answer in answers} == {"Accept-Encoding"}
    plain, *pressed = [int(answer.headers["content-length"]) for answer in answers]
    assert plain == len(answers[0].content)
    assert max(pressed) < plain / 2


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/static/docs.css", "/problems/internal"])
async def test_small(path: str) -> None:
    """Up to 1 KiB a body comes as it is, unless that is refused."""
    async with edge().client() as client:
        plain = await client.get(path)
        gzipped = await client.get(path, headers={"Accept-Encoding": "gzip, identity;q=0"})
        refused = await client.get(path, headers={"Accept-Encoding": "identity;q=0"})

    assert "content-encoding" not in plain.headers
    assert gzipped.headers["content-encoding"] == "gzip"
    assert gzipped.content == plain.content
    assert refused.status_code == 406


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("path", ["/openapi.json", "/static/swagger-ui/swagger-ui.css", "/docs"])
async def test_not_modified(path: str, coding: str) -> None:
    """Who holds it in this coding gets 304 with the headers of the 200 but for the body's."""
    accepted = ("Accept-Encoding", coding)
    async with edge().client() as client:
        full = await client.get(path, headers=[accepted])
        held = [("If-None-Match", '"x"'), ("If-None-Match", f"W/{full.headers['etag']}")]
        head = await client.head(path, headers=[accepted])
        known = [await client.request(verb, path, headers=[accepted, *held]) for verb in VERBS]

    assert (head.status_code, head.content, lasting(head)) == (200, b"", lasting(full))
    kept = {name: value for name, value in lasting(full).items() if name not in OF_THE_BODY}
    for answer in known:
        assert (answer.status_code, answer.content, lasting(answer)) == (304, b"", kept)


async def test_other_form() -> None:
    """Who holds another coding, or a page instead of JSON, gets what was asked for."""
    async with edge().client() as client:
        gzipped = await client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
        held = {"If-None-Match": gzipped.headers["etag"]}
        other = await client.get("/openapi.json", headers=held | {"Accept-Encoding": "br"})
        page = await client.get("/problems")
        held = {"If-None-Match": page.headers["etag"], "Accept": "application/json"}
        told = await client.get("/problems", headers=held)

    assert (other.status_code, other.headers["content-encoding"]) == (200, "br")
    assert (told.status_code, told.headers["content-type"]) == (200, "application/json")


async def test_pressed_once() -> None:
    """Those who ask at once share one pressing, and so do those who come later."""
    ask = partial(_gzipped, Fixed(b"x" * 2_000, "text/plain"))
    one, other = await asyncio.gather(ask(), ask())
    later = await ask()

    assert gzip.decompress(one.body) == b"x" * 2_000
    assert one.body is other.body is later.body


async def test_beside_the_loop() -> None:
    """Pressing waits for a thread, never the loop; who leaves meanwhile takes it from nobody."""
    threads = current_default_thread_limiter()
    busy = [object() for _ in range(int(threads.total_tokens))]
    for each in busy:
        threads.acquire_on_behalf_of_nowait(each)
    fixed = Fixed(b"x" * 2_000, "text/plain")
    first, second = (asyncio.create_task(_gzipped(fixed)) for _ in range(2))
    await anyio.wait_all_tasks_blocked()
    first.cancel()
    await anyio.wait_all_tasks_blocked()
    done = [first.done(), second.done()]
    for each in busy:
        threads.release_on_behalf_of(each)

    assert gzip.decompress((await second).body) == fixed.body
    assert done == [True, False]


async def _gzipped(fixed: Fixed) -> Response:
    headers = [(b"accept-encoding", b"gzip")]
    return await fixed.answer(Request({"type": "http", "headers": headers}), {})
