"""A platform with a clock to turn, and a client that has logged in."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox

NOON_S = 1_795_003_200.0  # 2026-11-18T12:00:00Z
TOKEN = "/api/2/idp/token"


class Clock:
    """Unix seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s

    @property
    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return int(self.now_s * 1_000_000_000)


class Api:
    """A logged-in client of the Task Manager."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, query: str = "") -> httpx.Response:
        """Ask for a path below the API with a raw query."""
        return await self.http.get(f"/api/task_manager/v2/{path}?{query}")

    async def items(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """Return the items of one page."""
        answer = await self.get(path, query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def refusal(self, path: str, query: str) -> str:
        """Return the text of a 400."""
        answer = await self.get(path, query)
        assert answer.status_code == 400
        text: str = answer.json()["debug"]["msg"]
        return text

    async def walk(self, path: str, query: str) -> list[list[dict[str, Any]]]:
        """Return all pages, each in turn."""
        pages, after = [], None
        while True:
            cursor = httpx.QueryParams({"after": after} if after else {})
            body = (await self.get(path, f"{query}&{cursor}" if after else query)).json()
            pages.append(body["items"])
            after = body.get("paging", {}).get("cursors", {}).get("after")
            query = "limit=" + httpx.QueryParams(query)["limit"]
            if after is None:
                return pages


@pytest.fixture
def clock() -> Clock:
    """Noon of a day in November."""
    return Clock()


@pytest.fixture
def app(clock: Clock) -> Starlette:
    """A platform born at noon, with a short memory."""
    return create_sandbox(clock=clock, history_days=3)


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        yield client


@pytest.fixture
async def api(http: httpx.AsyncClient) -> Api:
    """A client with a token."""
    answer = await http.post(
        TOKEN,
        data={"grant_type": "client_credentials"},
        auth=(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET),
    )
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Api(http)
