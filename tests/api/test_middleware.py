"""Request id, log line, error net, target limit, HEAD."""

from typing import Any

import anyio
import pytest
from httpx import ReadError
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.api.middleware import ErrorNet, HeadAsGet, RequestId, TargetLimit
from app.api.request_line import RequestLine
from app.telemetry.metrics import Metrics
from tests.support.edge import Edge, Figures, edge

TRACEPARENT = f"00-{'1' * 32}-{'2' * 16}-01"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a-sane.Id_1", "a-sane.Id_1"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "fresh-1"),
        ("two words", "fresh-1"),
        ("é", "fresh-1"),
        ("", "fresh-1"),
    ],
    ids=["sane", "longest", "too long", "space", "accent", "empty"],
)
async def test_request_id(sent: str, kept: str) -> None:
    """A sane id of the caller is kept, any other is replaced; the answer carries it."""
    async with edge().client() as client:
        answer = await client.get("/v1/tasks", headers=[(b"X-Request-Id", sent.encode())])

    assert answer.headers["x-request-id"] == kept


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/crash", "/" + "x" * 9000], ids=["404", "500", "414"]
)
async def test_request_id_of_errors(path: str) -> None:
    """Errors carry the id too, in the header and in the body."""
    async with edge().client() as client:
        answer = await client.get(path)

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "fresh-1"


async def test_line() -> None:
    """One line tells a request: method, route, status, time, cache, upstream calls, ids."""
    with capture_logs() as lines:
        async with edge().client() as client:
            await client.get("/v1/tasks?limit=7", headers={"traceparent": TRACEPARENT})

    assert lines == [
        {
            "event": "request_served",
            "log_level": "info",
            "method": "GET",
            "route": "/v1/tasks",
            "status": 200,
            "duration_ms": 1000.0,
            "cache": "hit",
            "upstream_calls": 0,
            "request_id": "fresh-1",
            "trace_id": "1" * 32,
        }
    ]


@pytest.mark.parametrize(
    ("method", "path", "route", "level"),
    [
        ("GET", "/v1/tasks/eu2.7", "/v1/tasks/{task_id}", "info"),
        ("DELETE", "/v1/tasks/eu2.7", "/v1/tasks/{task_id}", "info"),
        ("HEAD", "/v1/tasks", "/v1/tasks", "info"),
        ("GET", "/guessed/path", "unmatched", "info"),
        ("GET", "/v1/crash", "/v1/crash", "warning"),
        ("GET", f"/v1/tasks/{'x' * 9000}", "/v1/tasks/{task_id}", "info"),
    ],
    ids=["item", "405", "head", "404", "500", "414"],
)
async def test_line_route(method: str, path: str, route: str, level: str) -> None:
    """A line and a label name the route's template, never the path; our trouble is a warning."""
    built = edge()
    with capture_logs() as lines:
        async with built.client() as client:
            await client.request(method, path)

    line = lines[-1]
    assert (line["method"], line["route"], line["log_level"]) == (method, route, level)
    assert built.figure("taskgate_request_duration_seconds_count", route=route) == 1


async def test_line_problem() -> None:
    """A refused request's line says which problem it was."""
    with capture_logs() as lines:
        async with edge().client() as client:
            await client.get("/nowhere")

    assert lines[-1]["problem"] == "route-not-found"


async def test_request_figures() -> None:
    """A request counts by route, method, status and cache outcome; odd methods are one label."""
    built = edge()
    async with built.client() as client:
        await client.get("/v1/tasks")
        await client.request("BREW", "/v1/tasks")

    count = "taskgate_requests_total"
    labels = {"route": "/v1/tasks", "cache": "hit", "status": "200", "method": "GET"}
    assert built.figure(count, **labels) == 1
    labels = {"route": "/v1/tasks", "cache": "none", "status": "405", "method": "other"}
    assert built.figure(count, **labels) == 1


async def test_cut_off() -> None:
    """A request that is cancelled before its answer still has its line, with status 499."""
    built = edge()

    @built.app.get("/slow")
    async def slow() -> None:
        await anyio.sleep_forever()

    with capture_logs() as lines:
        async with anyio.create_task_group() as group:
            group.start_soon(_call, built, "/slow", [])
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()

    assert [(line["route"], line["status"]) for line in lines] == [("/slow", 499)]


@pytest.mark.parametrize("path", ["/v1/cut", "/v1/cut-by-name"], ids=["bug", "named"])
async def test_broken_answer(path: str) -> None:
    """When the answer has begun, a failure is logged once and the answer ends short."""
    sent: list[Message] = []
    with capture_logs() as lines:
        await _call(edge(), path, sent)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1] == {"type": "http.response.body", "body": b"half", "more_body": True}
    assert [line["event"] for line in lines] == ["request_crashed", "request_served"]


async def test_left_while_read() -> None:
    """Who leaves in the middle of its body is answered by nobody, and is no crash of ours."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive, send).body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as lines:
        await ErrorNet(app)({"type": "http", "headers": []}, receive, send)

    assert (lines, sent) == ([], [])


async def test_target_limit() -> None:
    """A target of 8 KiB is served, one byte more is a 414; path and query count."""
    path = "/v1/tasks?"
    async with edge().client() as client:
        largest = await client.get(path + "x" * (8192 - len(path)))
        larger = await client.get(path + "x" * (8193 - len(path)))

    assert largest.status_code == 200
    assert larger.status_code == 414
    assert larger.json()["code"] == "uri-too-long"


@pytest.mark.parametrize(
    "path",
    ["/v1/tasks", "/v1/tasks/7", "/nowhere", "/healthz", "/docs", "/openapi.json", "/problems"],
)
async def test_head(path: str) -> None:
    """HEAD answers as GET does, `Content-Length` included, without the body."""
    async with edge().client() as client:
        sent = {"X-Request-Id": "1", "traceparent": TRACEPARENT}
        whole = await client.get(path, headers=sent)
        head = await client.head(path, headers=sent)

    assert head.status_code == whole.status_code
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == whole.num_bytes_downloaded


async def test_head_sends_no_body() -> None:
    """The body of a HEAD is dropped here, not left to the server."""
    sent: list[Message] = []
    await _call(edge(), "/v1/tasks", sent, method="HEAD")

    assert [message.get("body") for message in sent] == [None, b""]


@pytest.mark.parametrize("layer", ["id", "line", "net", "limit", "head"])
async def test_not_http(layer: str) -> None:
    """What is not an HTTP request, such as the lifespan, passes through each layer untouched."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    metrics = Metrics(version="1", monotonic=float, cache_figures=Figures)
    layers: dict[str, Any] = {
        "id": RequestId(app, fresh_id=str),
        "line": RequestLine(app, metrics=metrics, monotonic=float),
        "net": ErrorNet(app),
        "limit": TargetLimit(app),
        "head": HeadAsGet(app),
    }
    scope = {"type": "lifespan"}
    await layers[layer](scope, _nothing, _nothing)

    assert seen == [scope]
    assert seen[0] is scope


async def _nothing(*_: Any) -> Message:
    raise ReadError("nobody reads or writes here")


async def _call(built: Edge, path: str, sent: list[Message], *, method: str = "GET") -> None:
    """Call the app as a server does and keep the messages that it sends."""

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
        "state": {"of": "the lifespan"},
    }
    await built.app(scope, receive, send)
