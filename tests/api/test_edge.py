"""The edge, through the whole service, and its bounds one by one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.api.consumers import Everybody
from app.api.cors import Cors
from app.api.edge import (
    BODY_BYTES_MAX,
    SECURITY,
    BodyLimit,
    FullHouse,
    Hosts,
    SecurityHeaders,
)
from app.errors import ContentTooLargeError, OverloadedError
from app.service.scope import ANYBODY
from tests.support.platform import FakeTime
from tests.support.serving import serving
from tests.support.upstream import FakeUpstream

ORIGIN = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Origin": ORIGIN}
PERMITTED = (
    "Authorization", "Cache-Control", "If-None-Match", "X-API-Key", "X-Request-Id",
    "X-Request-Timeout-Ms", "traceparent",
)  # fmt: skip


@pytest.fixture
async def edge(time: FakeTime) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with an origin, a host name and a proxy."""
    async with serving(
        {"eu2": FakeUpstream()},
        time,
        cors_origins=[ORIGIN],
        allowed_hosts=["gate"],
        trusted_proxies=["127.0.0.1"],
    ) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/tasks", "/nowhere", "/docs", "/healthz", "/problems", "/"])
async def test_security_headers(edge: httpx.AsyncClient, path: str) -> None:
    """Every answer says how careful a browser must be, once; pages say it for themselves."""
    answer = await edge.get(path)

    fields = [field for field in answer.headers.multi_items() if field[0] != "vary"]
    found = dict(fields)
    assert len(found) == len(fields)
    assert (found["x-content-type-options"], found["referrer-policy"]) == ("nosniff", "no-referrer")
    assert "default-src 'none'" in found["content-security-policy"]
    assert "frame-ancestors 'none'" in found["content-security-policy"]
    assert "strict-transport-security" not in found


async def test_hsts(edge: httpx.AsyncClient) -> None:
    """Behind a trusted proxy that speaks TLS browsers are told to stay with it."""
    answer = await edge.get("/v1/tasks", headers={"X-Forwarded-Proto": "https"})

    assert "max-age=31536000" in answer.headers["strict-transport-security"]


async def test_preflight(edge: httpx.AsyncClient) -> None:
    """A preflight of a known origin is permitted before any log-in, without credentials."""
    answer = await edge.options("/v1/tasks", headers=PREFLIGHT)

    assert (answer.status_code, answer.content) == (204, b"")
    named = {"x-request-id", "traceparent"}
    assert named < set(answer.headers)
    assert [pair for pair in answer.headers.multi_items() if pair[0] not in named] == [
        ("vary", "Origin"),
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-methods", "GET, HEAD"),
        ("access-control-allow-headers", ", ".join(PERMITTED)),
        ("access-control-max-age", "600"),
        *((name.decode(), value.decode()) for name, value in SECURITY),
    ]


async def test_preflight_line(edge: httpx.AsyncClient) -> None:
    """A preflight has its line in the log, as any request."""
    with capture_logs() as lines:
        await edge.options("/v1/tasks", headers=PREFLIGHT)

    [line] = lines
    assert (line["event"], line["method"], line["status"]) == ("request_served", "OPTIONS", 204)
    assert line["route"] == "/v1/tasks"


@pytest.mark.parametrize(
    "origin",
    [ORIGIN + ".evil.com", "http://app.example.com", ORIGIN + ":8443", ORIGIN.upper(), "null", ""],
)
async def test_other_origins(edge: httpx.AsyncClient, origin: str) -> None:
    """Another origin gets no permission: neither a preflight nor an answer."""
    answers = [
        await edge.options("/v1/tasks", headers=PREFLIGHT | {"Origin": origin}),
        await edge.get("/v1/tasks", headers={"Origin": origin}),
    ]

    assert [answer.status_code for answer in answers] == [204, 200]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks?limit=0", "/nowhere", "/healthz"])
async def test_origin(edge: httpx.AsyncClient, path: str) -> None:
    """A page of a known origin reads answers, errors and our headers."""
    answer = await edge.get(path, headers={"Origin": ORIGIN})

    assert answer.headers["access-control-allow-origin"] == ORIGIN
    for name in ("ETag", "RateLimit", "Retry-After", "X-Request-Id", "Cache-Status"):
        assert name in answer.headers["access-control-expose-headers"]
    assert len(answer.headers.get_list("vary")) == 1


async def test_options(edge: httpx.AsyncClient) -> None:
    """OPTIONS that is no preflight is a method like any other."""
    assert (await edge.options("/v1/tasks")).status_code == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [("gate", 200), ("GATE.:8080", 200), ("gate.evil.com", 400), ("[::1]:80", 400), ("", 400)],
)
async def test_hosts(edge: httpx.AsyncClient, host: str, status: int) -> None:
    """Only the listed names are served, whatever the port; probes come by address."""
    answers = [await edge.get(path, headers={"Host": host}) for path in ("/v1/tasks", "/healthz")]

    assert [answer.status_code for answer in answers] == [status, 200]


@pytest.mark.parametrize(
    ("content", "status"),
    [(bytes(BODY_BYTES_MAX), 405), (bytes(BODY_BYTES_MAX + 1), 413)],
    ids=["most", "more"],
)
async def test_body(edge: httpx.AsyncClient, content: bytes, status: int) -> None:
    """A body over 64 KiB is refused by its announced length."""
    assert (await edge.post("/v1/tasks", content=content)).status_code == status


@pytest.mark.parametrize(
    ("length", "refused"),
    [(b"000000000065537", True), (b"000000000065536", False), (b"000", False), (b"9" * 5000, True)],
    ids=["more", "most", "none", "digits"],
)
async def test_announced_length(length: bytes, refused: bool) -> None:  # noqa: FBT001
    """An announced length counts by its value, however it is written."""
    reader, caught = Reader(), False
    try:
        await BodyLimit(reader)(http("/", (b"content-length", length)), _chunks(0), _nothing)
    except ContentTooLargeError:
        caught = True

    assert caught is refused


def _chunks(*sizes: int) -> Receive:
    left = list(sizes)

    async def receive() -> Message:
        size = left.pop(0)
        return {"type": "http.request", "body": bytes(size), "more_body": bool(left)}

    return receive


async def _nothing(_: Message) -> None:
    """Hear an answer."""


class Reader:
    """An app that reads the whole body, and can be held."""

    def __init__(self) -> None:
        self.read, self.gate = 0, asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, wait, answer nothing."""
        more = scope["type"] == "http"
        while more:
            message = await receive()
            self.read += len(message["body"])
            more = message["more_body"]
        await self.gate.wait()
        await send({})


def http(path: str = "/v1/tasks", *headers: tuple[bytes, bytes]) -> Scope:
    """Return the scope of a request."""
    return {
        "type": "http",
        "path": path,
        "headers": list(headers),
        "method": "GET",
        "scheme": "http",
    }


@pytest.mark.parametrize(
    ("sizes", "refused"),
    [((40_000, 25_536), False), ((40_000, 25_537), True)],
    ids=["most", "more"],
)
async def test_chunked_body(sizes: tuple[int, ...], refused: bool) -> None:  # noqa: FBT001
    """Without an announced length a body ends where it grows too large."""
    reader, caught = Reader(), False
    scope = http("/", (b"transfer-encoding", b"chunked"))
    try:
        await BodyLimit(reader)(scope, _chunks(*sizes), _nothing)
    except ContentTooLargeError:
        caught = True

    assert caught is refused
    assert reader.read <= BODY_BYTES_MAX


async def test_full_house() -> None:
    """One more than the most is refused at once; probes are not, and room is made again."""
    reader = Reader()
    house = FullHouse(reader, most=2)
    reader.gate.clear()
    async with asyncio.TaskGroup() as group:
        for path in ("/v1/tasks", "/v1/tasks", "/healthz"):
            group.create_task(house(http(path), _chunks(0), _nothing))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(OverloadedError) as caught:
            await house(http(), _chunks(0), _nothing)
        reader.gate.set()
    await house(http(), _chunks(0), _nothing)

    assert caught.value.retry_after_s == 1


async def test_failures_make_room() -> None:
    """A request that fails frees its place."""

    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    house = FullHouse(failing, most=1)
    for _ in range(2):
        with suppress(ZeroDivisionError):
            await house(http(), _chunks(0), _nothing)
            pytest.fail("did not fail")


async def test_lifespan() -> None:
    """What is no request passes untouched."""
    reader = Reader()
    for layer in (
        SecurityHeaders(reader), Cors(reader, origins=[]), Hosts(reader, hosts=[]),
        FullHouse(reader), BodyLimit(reader), Everybody(reader, consumer=ANYBODY),
    ):  # fmt: skip
        await layer({"type": "lifespan"}, _chunks(0), _nothing)

    assert reader.read == 0
