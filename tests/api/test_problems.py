"""Failures as problem documents."""

import inspect

import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from app import errors
from app.api.problems import problem_response
from app.errors import (
    InternalError,
    InvalidValueError,
    ParameterFault,
    ServiceError,
    UpstreamFacts,
    UpstreamFailedError,
)
from tests.support.edge import edge, failing, throttled

NAMED = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, ServiceError) and "slug" in vars(kind)
]


async def test_members() -> None:
    """A problem says what RFC 9457 asks, our code and the request id, and omits the unknown."""
    async with failing(UpstreamFailedError("It broke.")).client() as client:
        answer = await client.get("/fail?secret=1", headers={"X-Request-Id": "r-1"})

    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "type": "/problems/upstream-error",
        "title": "The platform failed",
        "status": 502,
        "detail": "It broke.",
        "instance": "/fail",
        "code": "upstream-error",
        "request_id": "r-1",
    }


async def test_waiting_helps() -> None:
    """Seconds to wait are rounded up and stand in the header too; the account is named."""
    async with failing(throttled()).client() as client:
        answer = await client.get("/fail")

    assert answer.headers["retry-after"] == "2"
    assert answer.json()["retry_after_s"] == 2
    assert answer.json()["account"] == "eu2"


async def test_upstream_facts() -> None:
    """What the platform said of its failure is told: status, code, request id."""
    facts = UpstreamFacts(status=500, code="Oops", request_id="u-1")
    async with failing(UpstreamFailedError("It broke.", upstream=facts)).client() as client:
        answer = await client.get("/fail")

    assert answer.json()["upstream"] == {"status": 500, "code": "Oops", "request_id": "u-1"}


async def test_faults() -> None:
    """Each wrong parameter is named, with what is allowed and what was probably meant."""
    fault = ParameterFault(
        "sort", "No such field.", allowed="created_at", did_you_mean="created_at"
    )
    async with failing(InvalidValueError("Wrong.", faults=[fault])).client() as client:
        answer = await client.get("/fail")

    assert answer.json()["errors"] == [
        {
            "parameter": "sort",
            "detail": "No such field.",
            "allowed": "created_at",
            "did_you_mean": "created_at",
        }
    ]


def test_caller_headers() -> None:
    """Headers given along are added and win."""
    answer = problem_response(
        InternalError("Broken."), instance="/", request_id="r", headers={"Cache-Control": "private"}
    )

    assert answer.headers["cache-control"] == "private"


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.slug)
async def test_every_kind(kind: type[ServiceError]) -> None:
    """Every kind of failure is rendered with its own status and explained on its page."""
    parameters = inspect.signature(kind).parameters
    error = kind("Why.", **({"allow": "GET"} if "allow" in parameters else {}))  # type: ignore[arg-type]
    async with failing(error).client() as client:
        answer = await client.get("/fail")
        page = await client.get(answer.json()["type"], headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (kind.status, kind.slug)
    assert page.json() == {
        "slug": kind.slug,
        "status": kind.status,
        "title": kind.title,
        "explanation": kind.__doc__,
    }


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/task", "/v1/tasks"),
        ("/v1/taks/eu2.7", "/v1/tasks/eu2.7"),
        ("/v1/tasks/", "/v1/tasks"),
        ("/something/else/altogether", None),
    ],
    ids=["list", "item", "slash", "far off"],
)
async def test_unknown_route(path: str, meant: str | None) -> None:
    """A path that nothing serves is a 404 that names the nearest route, if one is near."""
    async with edge().client() as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.json()["code"] == "route-not-found"
    assert answer.json()["errors"][0].get("did_you_mean") == meant


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/v1/tasks", "GET, HEAD, POST"), ("POST", "/v1/tasks/1", "GET, HEAD")],
    ids=["two routes", "one route"],
)
async def test_method(method: str, path: str, allow: str) -> None:
    """A method that a path lacks is a 405 whose `Allow` lists those of all routes there."""
    async with edge().client() as client:
        answer = await client.request(method, path)

    assert answer.status_code == 405
    assert answer.json()["code"] == "method-not-allowed"
    assert answer.headers["allow"] == allow


async def test_head_of_post_only() -> None:
    """`Allow` doesn't offer HEAD where there is no GET."""
    built = edge()
    built.app.add_api_route("/purge", lambda: None, methods=["POST"])
    async with built.client() as client:
        answer = await client.head("/purge")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_validation() -> None:
    """What the framework refuses is told in our form and names the parameter."""
    async with edge().client() as client:
        answer = await client.get("/v1/tasks?limit=many")

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-value"
    assert answer.json()["errors"][0]["parameter"] == "limit"


async def test_unreadable_request() -> None:
    """Any other refusal of the framework is the caller's mistake without a parameter."""
    async with edge().client() as client:
        answer = await client.post("/v1/tasks")

    assert answer.json()["code"] == "invalid-parameter"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("s3cret"), HTTPException(500, "s3cret")], ids=["bug", "framework"]
)
async def test_bug(error: Exception) -> None:
    """A bug of ours is logged with traceback and request id, and the caller is told nothing."""
    with capture_logs() as lines:
        async with failing(error).client() as client:
            answer = await client.get("/fail", headers={"X-Request-Id": "r-1"})

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "s3cret" not in answer.text
    crashes = [line for line in lines if line["event"] == "request_crashed"]
    assert [(line["request_id"], line["exc_info"]) for line in crashes] == [("r-1", error)]


async def test_instance() -> None:
    """`instance` is the path as an URI reference, cut where it can't help any more."""
    async with edge().client() as client:
        spaced = await client.get("/v1/a%20b/é/c%2Fd")
        long = await client.get("/" + "x" * 2000)

    assert spaced.json()["instance"] == "/v1/a%20b/%C3%A9/c%2Fd"
    assert len(long.json()["instance"]) == 1024
