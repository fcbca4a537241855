"""A platform for measuring: answers with a fixed page of tasks, counts calls, waits on request.

Run as `python bench/origin.py PORT DELAY_S STATUS`; `GET /calls` tells how often `/tasks` and
`/page` were asked. `/page` is a body as long as one that Taskgate would answer, for plain HTTP
caches to keep; `/answers/NAME` is one that it did answer, and that was put there.
"""

import asyncio
import json
import random
import sys
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_dice = random.Random(1)  # noqa: S311  # bodies, not secrets
SAMPLE = Path(__file__).parent.parent / "tests/data/samples/task_completed_ok.json"


def main(port: int, delay_s: float, status: int) -> None:
    calls = {"tasks": 0, "page": 0}
    answers: dict[str, bytes] = {}

    async def token(_: Request) -> Response:
        return JSONResponse({"access_token": "bench", "token_type": "bearer", "expires_in": 7200})

    async def tasks(request: Request) -> Response:
        calls["tasks"] += 1
        await asyncio.sleep(delay_s)
        return Response(
            page_of(int(request.query_params["limit"])), status, None, "application/json"
        )

    async def page(request: Request) -> Response:
        calls["page"] += 1
        await asyncio.sleep(delay_s)
        body = b"x" * int(request.query_params["size"])
        headers = {"Cache-Control": "max-age=600", "ETag": '"bench"'} if status < 400 else {}  # noqa: PLR2004
        return Response(body, status, headers, "application/json")

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "PUT":
            answers[name] = await request.body()
        headers = {"Cache-Control": "max-age=600", "ETag": '"bench"'}
        return Response(answers[name], 200, headers, "application/json")

    async def count(_: Request) -> Response:
        return JSONResponse(calls)

    routes = [
        Route("/api/2/idp/token", token, methods=["POST"]),
        Route("/api/task_manager/v2/tasks", tasks),
        Route("/page", page),
        Route("/answers/{name}", answer, methods=["GET", "PUT"]),
        Route("/calls", count),
    ]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning", access_log=False)


@cache
def page_of(tasks: int) -> bytes:
    sample = json.loads(SAMPLE.read_bytes())
    return json.dumps({"items": [_task(sample, number) for number in range(tasks)]}).encode()


def _task(sample: dict[str, Any], number: int) -> dict[str, Any]:
    upstream_id = sample["id"] + number
    task = sample | {"id": upstream_id, "idString": str(upstream_id), "uuid": _uuid()}
    # Copies of one task would press to nothing.
    for name in ("executor", "issuer", "policy", "resource"):
        if name in task:
            task[name] = task[name] | {"id": _uuid()}
    return task


def _uuid() -> str:
    return str(UUID(int=_dice.getrandbits(128)))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
