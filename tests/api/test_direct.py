"""Endpoints that take a request alone, and those that take more."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, Request, Response

from app.api.direct import DirectRoute

routes = APIRouter(route_class=DirectRoute)


@routes.get("/alone")
async def alone(request: Request) -> Response:
    """Take the request."""
    return Response(request.headers["x"])


@routes.get("/header")
async def header(x: Annotated[str, Header()] = "none") -> Response:
    """Take what FastAPI reads."""
    return Response(x)


@routes.get("/both")
async def both(request: Request, response: Response) -> dict[str, str]:
    """Take what FastAPI makes."""
    response.headers["y"] = request.headers["x"]
    return {}


@pytest.mark.parametrize("path", ["/alone", "/header", "/both"])
async def test_taken(path: str) -> None:
    """Whatever an endpoint takes it is given."""
    app = FastAPI()
    app.include_router(routes)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
        answer = await client.get(path, headers={"x": "1"})

    assert answer.status_code == 200
    assert "1" in (answer.text, answer.headers.get("y"))
