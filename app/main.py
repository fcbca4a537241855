"""The composition root: draws the line of a request, then builds exactly that.

::

    request ─ fast lane ── answered before, still kept ─────────────────→ bytes   app.api.fastlane
      └ proxies ─ SecurityHeaders                                                 app.api.edge
      └ RequestId ─ RequestLine ─ Cors ─ ErrorNet ─ TargetLimit ─ HeadAsGet       app.api.middleware
      └ Hosts ─ FullHouse ─ BodyLimit                                             app.api.edge
      └ LeaveWithCaller                                                           app.api.leaving
      └ Authentication → Caller                                                   app.api.consumers
      └ route → parse → TaskQuery                                            app.api, app.domain
          └ TaskService → Cache ── kept ─────────────────────────────────┐   app.service, app.cache
                            └ one detached flight per key                │
                                └ Fanout → PlatformClient (each account) │   app.platform
                                    └ gate → token → retry → breaker     │
                                        └ httpx → platform               │
                                  readings → cut, filter → merge → encode┴→ bytes, ETag → response
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from app import __version__
from app.api import (
    accounts,
    activities,
    admin,
    docs,
    document,
    health,
    problem_pages,
    problems,
    tasks,
)
from app.api.freshness import Renderer
from app.assembly import Assembly, assemble
from app.clockwork import SYSTEM_CLOCK, SYSTEM_MONOTONIC, Clockwork
from app.service.admin import Admin
from app.service.items import ItemService
from app.service.nouns import ACTIVITIES
from app.service.tasks import TaskService
from app.settings import Settings
from app.wrapping import wrap


def create_app(
    settings: Settings,
    *,
    sandbox: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = SYSTEM_CLOCK,
    monotonic: Callable[[], float] = SYSTEM_MONOTONIC,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rand: Callable[[], float] = random.random,
    write_lines: Callable[[bytes], object] | None = None,
) -> FastAPI:
    """Build the service. `clock` is Unix time, `monotonic` never goes back, both in seconds.

    `transport` replaces the network, for tests; `sandbox` says that the data is made up.
    `write_lines` writes many lines of the log at once; without it each goes through the logger.

    Raises:
        SettingsError: the consumers' file is wrong.
    """
    clockwork = Clockwork(clock=clock, monotonic=monotonic, sleep=sleep, rand=rand)
    assembly = assemble(
        settings, clockwork, sandbox=sandbox, transport=transport, write_lines=write_lines
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with assembly.ending(), sharing:
            assembly.readiness.started = True
            yield
            assembly.readiness.draining = True

    app = FastAPI(
        title="Taskgate",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.readiness = assembly.readiness
    app.state.cache = assembly.cache
    app.state.metrics = assembly.metrics
    _install_routes(app, settings, assembly, sandbox=sandbox, monotonic=monotonic)
    sharing = wrap(
        app,
        settings,
        cache=assembly.cache,
        metrics=assembly.metrics,
        fetch=assembly.issuer.fetch,
        sent=assembly.journal.note,
        clockwork=clockwork,
    )
    return app


def _install_routes(
    app: FastAPI,
    settings: Settings,
    assembly: Assembly,
    *,
    sandbox: bool,
    monotonic: Callable[[], float],
) -> None:
    """Put the routes into `app`, and what their failures look like."""
    house, readiness = assembly.house, assembly.readiness
    task_service, activity_service = TaskService(house), ItemService(ACTIVITIES, house)
    renderer = Renderer(
        codings=assembly.codings,
        deadline_s=settings.upstream.answer_deadline_s,
        monotonic=monotonic,
    )
    app.include_router(tasks.router(task_service, renderer))
    app.include_router(activities.router(activity_service, renderer))
    app.include_router(accounts.router(assembly.book))
    app.include_router(admin.router(Admin(house), task_service, activity_service))
    app.include_router(health.router(readiness=readiness, registry=assembly.metrics.registry))
    app.include_router(problem_pages.router())
    document.install(app)
    if settings.docs == "on":
        app.include_router(docs.router(app, sandbox=sandbox))
    problems.install(app)
