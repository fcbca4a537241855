"""Record the examples of the OpenAPI document: what the service answers to the questions below.

`python -m tests.openapi.recording` writes them anew. Every operation of the document is asked, so
that a new route brings its own; time stands still, so that equal code writes equal bytes.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from app.api import specimens
from app.domain.query import IDS_MAX
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.telemetry.logging import configure_logging
from tests.support.consumers import bearer, required
from tests.support.platform import UNIX, FakeTime
from tests.support.serving import built, configured, network, running
from tests.support.upstream import FakeUpstream, a_task

EXAMPLES = Path(specimens.__file__).with_name(specimens.FILE)
LINES_MAX = 6
MISTAKES = {
    "unknown-parameter": "/v1/tasks?stauts=failed",
    "invalid-value": "/v1/tasks?status=borken",
    "invalid-parameter": "/v1/tasks?stauts=failed&created_after=2026-11-23T10:00:00",
    "conflicting-parameters": "/v1/tasks?created_after=24h&created_before=7d",
    "too-many-ids": "/v1/tasks?id=" + ",".join(map(str, range(IDS_MAX + 1))),
    "cursor-malformed": "/v1/tasks?cursor=AbC-1_2",
    "task-not-found": "/v1/tasks/eu2.944455285181775999",
    "account-not-found": "/v1/tasks?account=eu3",
    "ambiguous-id": "/v1/tasks/944455285181775872",
    "uri-too-long": "/v1/tasks?id=" + "9" * 8192,
}
FAILURES: Mapping[str, httpx.Response | Exception] = {
    "upstream-error": httpx.Response(500),
    "upstream-invalid-response": httpx.Response(200, text="<html>"),
    "upstream-auth-failed": httpx.Response(403),
    "upstream-throttled": httpx.Response(429, headers={"Retry-After": "30"}),
    "upstream-unavailable": httpx.ConnectError("refused"),
    "upstream-timeout": httpx.ReadTimeout("slow"),
}


async def record() -> dict[str, Any]:
    """Return the examples: `answers` by operation and status, `problems` by slug."""
    return {"answers": await _answers(), "problems": await _problems()}


async def _answers() -> dict[str, dict[str, Any]]:
    time = FakeTime()
    sandbox = create_sandbox(clock=time.clock)
    settings = configured(
        "eu2",
        client_id=DEFAULT_CLIENT_ID,
        secret=DEFAULT_CLIENT_SECRET,
        cursor_secret="for the examples alone",
        **required(operator={"admin": True}),
    )
    app = built(settings, network({"eu2": httpx.ASGITransport(sandbox)}), time)
    answers: dict[str, dict[str, Any]] = {}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gate") as early:
        await _ask(early, "readyz", "/readyz", answers)
    async with running(app) as client:
        client.headers.update(bearer("operator"))
        lists: dict[str, Any] = {}
        # Lists come before what lies below them.
        for path, methods in sorted(app.openapi()["paths"].items()):
            for method, operation in methods.items():
                target = _target(path, operation, lists)
                name = operation["operationId"]
                lists[path] = await _ask(
                    client, name, target, answers, method=method, body=_sent(operation)
                )
    return dict(sorted(answers.items()))


def _target(path: str, operation: Mapping[str, Any], lists: Mapping[str, Any]) -> str:
    """Ask for one item that has something to tell, or for what is told of the first of a list."""
    above, _, _ = path.partition("/{id}")
    target = path.format(id=lists[above]["items"][0]["id"]) if above != path else path
    parameters = operation.get("parameters", ())
    taken = {parameter["name"] for parameter in parameters}
    wanted = {"status": "failed", "limit": "1"}
    for parameter in parameters:
        if parameter["in"] == "query" and parameter.get("required"):
            wanted[parameter["name"]] = quote(parameter["schema"]["examples"][0])
    query = "&".join(f"{name}={value}" for name, value in wanted.items() if name in taken)
    return f"{target}?{query}" if query else target


def _sent(operation: Mapping[str, Any]) -> Any:
    """Return the body that the document shows, None when none is sent."""
    if "requestBody" not in operation:
        return None
    return operation["requestBody"]["content"]["application/json"]["example"]


async def _ask(
    client: httpx.AsyncClient,
    operation: str,
    target: str,
    answers: dict[str, dict[str, Any]],
    *,
    method: str = "GET",
    body: Any = None,
) -> Any:
    answer = await client.request(method, target, json=body)
    if answer.headers["content-type"].startswith("application/json"):
        told = answer.json()
    else:
        told = "".join(answer.text.splitlines(keepends=True)[:LINES_MAX])
    answers.setdefault(operation, {})[str(answer.status_code)] = told
    return told


async def _problems() -> dict[str, Any]:
    problems = {}
    platforms = {
        alias: FakeUpstream(tasks=[a_task(944455285181775872)]) for alias in ("eu2", "us4")
    }
    async with _served(platforms) as client:
        for slug, target in MISTAKES.items():
            problems[slug] = await _problem(client, target)
        page = (await client.get("/v1/tasks?limit=1")).json()["page"]
        problems["cursor-mismatch"] = await _problem(client, f"{page['next']}&status=failed")
    for slug, failure in FAILURES.items():
        problems[slug] = await _failed(failure)
    return dict(sorted(problems.items()))


async def _failed(failure: httpx.Response | Exception) -> Any:
    platform = FakeUpstream()
    for _ in range(10):
        if isinstance(failure, Exception):
            platform.break_next(failure, path="/tasks")
        else:
            platform.fail_next(
                failure.status_code,
                headers=dict(failure.headers),
                body=failure.content,
                path="/tasks",
            )
    async with _served({"eu2": platform}) as client:
        return await _problem(client, "/v1/tasks")


@asynccontextmanager
async def _served(platforms: Mapping[str, FakeUpstream]) -> AsyncIterator[httpx.AsyncClient]:
    time = FakeTime()
    for platform in platforms.values():
        platform.clock = time.clock
    async with running(_app(platforms, time)) as client:
        yield client


def _app(platforms: Mapping[str, FakeUpstream], time: FakeTime) -> FastAPI:
    return built(configured(*platforms, cursor_secret="for examples"), network(platforms), time)


async def _problem(client: httpx.AsyncClient, target: str) -> Any:
    answer = await client.get(target, headers={"X-Request-Id": f"{int(UNIX):x}"})
    return answer.json()


def main() -> None:
    """Write the examples."""
    configure_logging(fmt="json", level="error")
    text = json.dumps(asyncio.run(record()), indent=1, ensure_ascii=False)
    EXAMPLES.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
