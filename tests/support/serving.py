"""The whole service over fake platforms: one network by host name, one clock, one client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from app.main import create_app
from app.settings import AccountSettings, CacheSettings, Settings, UpstreamSettings
from tests.support.platform import FakeTime
from tests.support.upstream import FakeUpstream

CLIENT_ID, SECRET = "client", "secret"


_AT_ONCE = {"rate": "10000/s", "concurrency": 256}


def configured(
    *aliases: str,
    client_id: str = CLIENT_ID,
    secret: str = SECRET,
    cache: Mapping[str, Any] | None = None,
    upstream: Mapping[str, Any] | None = None,
    docs: bool = False,
    cursor_secret: str | None = None,
    fastlane: Literal["protocol", "asgi", "off"] = "protocol",
    **others: Any,
) -> Settings:
    """Return settings with an account on `<alias>.example` for each of `aliases`.

    Everybody may ask, unless `others` say `auth="required"` and name consumers.
    Unless told otherwise nobody waits for a turn: waiting would move the clocks.
    """
    account = {"client_id": client_id, "client_secret": secret}
    return Settings(
        _env_file=None,
        accounts={
            alias: AccountSettings.model_validate({"url": f"https://{alias}.example"} | account)
            for alias in aliases
        },
        cache=CacheSettings.model_validate(cache or {}),
        upstream=UpstreamSettings.model_validate(_AT_ONCE | dict(upstream or {})),
        docs="on" if docs else "off",
        fastlane=fastlane,
        cursor_secret=SecretStr(cursor_secret) if cursor_secret else None,
        **{"auth": "off"} | others,
    )


def network(
    platforms: Mapping[str, FakeUpstream | httpx.AsyncBaseTransport],
) -> httpx.MockTransport:
    """Return a network on which each platform is found at `<alias>.example`."""
    transports = {
        f"{alias}.example": found.transport() if isinstance(found, FakeUpstream) else found
        for alias, found in platforms.items()
    }

    async def route(request: httpx.Request) -> httpx.Response:
        return await transports[request.url.host].handle_async_request(request)

    return httpx.MockTransport(route)


def built(
    settings: Settings,
    transport: httpx.AsyncBaseTransport,
    time: FakeTime,
    *,
    sandbox: bool = False,
    write_lines: Callable[[bytes], object] | None = None,
    drawn: float = 0.5,
) -> FastAPI:
    """Build the app on `time`; every random draw is one half, by which no TTL is spread."""
    return create_app(
        settings,
        sandbox=sandbox,
        transport=transport,
        clock=time.clock,
        monotonic=time.monotonic,
        sleep=time.sleep,
        rand=lambda: drawn,
        write_lines=write_lines,
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run the lifespan of `app` around a client of it."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gate", trust_env=False
        ) as client,
    ):
        yield client


@asynccontextmanager
async def serving(
    platforms: Mapping[str, FakeUpstream | httpx.AsyncBaseTransport],
    time: FakeTime,
    **changes: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `platforms` by alias; `changes` are those of `configured`."""
    app = built(configured(*platforms, **changes), network(platforms), time)
    async with running(app) as client:
        yield client


def dawdling(platform: FakeUpstream, time: FakeTime, *, spend_s: float) -> httpx.MockTransport:
    """Return a network on which a call for tasks takes so long, and one for activities for ever."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/activities"):
            await asyncio.Event().wait()
        if "/tasks" in request.url.path:
            time.now += spend_s
        return await platform(request)

    return httpx.MockTransport(answer)


async def get(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """Return the body of an answer that must be 200."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def walk(
    client: httpx.AsyncClient, path: str, *, time: FakeTime | None = None, step_s: float = 0
) -> list[dict[str, Any]]:
    """Follow `page.next` to the end and return the pages; `time` goes on between two of them."""
    pages = []
    following: str | None = path
    while following:
        pages.append(await get(client, following))
        following = pages[-1]["page"]["next"]
        assert len(pages) < 2_000, "the walk has no end"
        if time is not None:
            time.now += step_s
    return pages


def ids(*pages: Mapping[str, Any]) -> list[str]:
    """Return the ids on `pages`, in order."""
    return [item["id"] for page in pages for item in page["items"]]


async def idle() -> None:
    """Give everyone turns enough to come to the gate that they will wait at."""
    for _ in range(100):
        await asyncio.sleep(0)
