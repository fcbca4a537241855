"""A platform for measuring: answers with a fixed page of tasks, counts calls, waits on request.

Run as `python bench/origin.py PORT DELAY_S STATUS`; `GET /calls` tells how often `/tasks` and
`/page` were asked. `/page` is the body that a plain HTTP cache keeps: what Taskgate would answer.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SAMPLE = Path(__file__).parent.parent / "tests/data/samples/task_completed_ok.json"


def main(port: int, delay_s: float, status: int) -> None:
    sample = json.loads(SAMPLE.read_bytes())
    calls = {"tasks": 0, "page": 0}

    async def token(_: Request) -> Response:
        return JSONResponse({"access_token": "bench", "token_type": "bearer", "expires_in": 7200})

    async def tasks(request: Request) -> Response:
        calls["tasks"] += 1
        await asyncio.sleep(delay_s)
        count = int(request.query_params["limit"])
        return JSONResponse({"items": [_task(sample, n) for n in range(count)]}, status)

    async def page(request: Request) -> Response:
        calls["page"] += 1
        await asyncio.sleep(delay_s)
        body = b"x" * int(request.query_params["size"])
        headers = {"Cache-Control": "max-age=600", "ETag": '"bench"'} if status < 400 else {}  # noqa: PLR2004
        return Response(body, status, headers, "application/json")

    async def count(_: Request) -> Response:
        return JSONResponse(calls)

    routes = [
        Route("/api/2/idp/token", token, methods=["POST"]),
        Route("/api/task_manager/v2/tasks", tasks),
        Route("/page", page),
        Route("/calls", count),
    ]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning", access_log=False)


def _task(sample: dict[str, Any], number: int) -> dict[str, Any]:
    upstream_id = sample["id"] + number
    return sample | {"id": upstream_id, "idString": str(upstream_id)}


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
