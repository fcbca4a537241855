"""The headers that the document tells of are those that come."""

from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from app.api import document_headers
from app.main import create_app
from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.serving import configured, serving
from tests.support.upstream import FakeUpstream, a_task

DOCUMENT: dict[str, Any] = create_app(configured("eu2")).openapi()
# What HTTP and browsers need is the same everywhere, and no reader's matter.
TRANSPORT = {
    "content-encoding", "content-length", "content-security-policy", "content-type",
    "referrer-policy", "x-content-type-options",
}  # fmt: skip


def listed(path: str, status: int) -> set[str]:
    """Return the names of the headers that an operation tells of."""
    told = DOCUMENT["paths"][path]["get"]["responses"][str(status)]["headers"]
    return set(told)


@pytest.mark.parametrize("name", document_headers.components())
def test_example(name: str) -> None:
    """Every header says what it is, and its example is one."""
    header = DOCUMENT["components"]["headers"][name]

    assert header["description"].endswith(".")
    assert list(OAS31Validator(header["schema"]).iter_errors(header["example"])) == []


@pytest.mark.parametrize(
    ("path", "target", "sent", "failure", "status"),
    [
        ("/v1/tasks", "/v1/tasks?limit=1", {}, None, 200),
        ("/v1/tasks", "/v1/tasks?limit=1", {"If-None-Match": "*"}, None, 304),
        ("/v1/tasks", "/v1/tasks?limit=0", {}, None, 400),
        ("/v1/tasks", "/v1/tasks", {"X-API-Key": "other"}, None, 401),
        ("/v1/tasks", "/v1/tasks?id=" + "9" * 8192, {}, None, 414),
        ("/v1/tasks", "/v1/tasks", {}, 403, 502),
        ("/v1/tasks", "/v1/tasks", {}, 429, 503),
        ("/v1/tasks/{id}", "/v1/tasks/eu2.1", {}, None, 200),
        ("/v1/tasks/{id}", "/v1/tasks/eu2.99", {}, None, 404),
        ("/v1/tasks/{id}", "/v1/tasks/eu2.1?cached_only=true", {}, None, 504),
        ("/v1/accounts", "/v1/accounts", {}, None, 200),
        ("/v1/admin/explain", "/v1/admin/explain?path=/v1/tasks", {}, None, 403),
        ("/healthz", "/healthz", {}, None, 200),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_told(
    path: str, target: str, sent: dict[str, str], failure: int | None, status: int
) -> None:
    """Every header of an answer is told of where it comes, and looks as told."""
    time = FakeTime()
    platform = FakeUpstream(tasks=[a_task(1), a_task(2)], clock=time.clock)
    if failure is not None:
        platform.fail_next(failure, path="/tasks")
    origin = {"Origin": "https://portal.example"}
    consumers = required(bi={"rate": "5/s"})
    async with serving(
        {"eu2": platform}, time, **consumers, cors_origins=tuple(origin.values())
    ) as client:
        answer = await client.get(target, headers=bearer("bi") | origin | sent)

    assert answer.status_code == status
    came = set(answer.headers) - TRANSPORT - {"access-control-expose-headers"}
    assert came - {name.lower() for name in listed(path, status)} == set()
    assert_like_the_schemas(answer)


def assert_like_the_schemas(answer: httpx.Response) -> None:
    """Compare each header that the document knows with its schema."""
    for name, header in document_headers.components().items():
        if (value := answer.headers.get(name)) is not None:
            read: Any = int(value) if header["schema"]["type"] == "integer" else value
            assert list(OAS31Validator(header["schema"]).iter_errors(read)) == []


async def test_limited() -> None:
    """Who asks more than its rate is told when to come again, as the document says."""
    time = FakeTime()
    async with serving({"eu2": FakeUpstream()}, time, **required(bi={"rate": "1/s"})) as client:
        for number in range(2):
            answer = await client.get(f"/v1/tasks?limit={number + 1}", headers=bearer("bi"))

    assert answer.status_code == 429
    waits = {"Retry-After", "RateLimit", "RateLimit-Policy"}
    assert waits <= {name for name in listed("/v1/tasks", 429) if name in answer.headers}
