"""The composition root: draws the line of a request, then builds exactly that.

::

    request ─ fast lane ── answered before, and still kept ───────────────────→ bytes
      └ RequestId ─ RequestLine ─ ErrorNet ─ TargetLimit ─ HeadAsGet        app.api.middleware
      └ LeaveWithCaller                                                      app.api.leaving
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
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import httpx
import structlog
from fastapi import FastAPI

from app import __version__
from app.api import (
    accounts,
    activities,
    docs,
    document,
    health,
    middleware,
    problem_pages,
    problems,
    tasks,
)
from app.api.asgi_door import AsgiDoor
from app.api.fastlane import FastLane, Headers
from app.api.freshness import Renderer
from app.api.health import Readiness
from app.api.journal import Journal
from app.api.leaving import LeaveWithCaller
from app.cache.answers import Clocks
from app.cache.cache import Cache
from app.domain.cursor import CursorCodec
from app.domain.filters import KnownTenants
from app.platform.client import PlatformClient
from app.platform.events import (
    BreakerMoved,
    CallEvent,
    ChangeEvent,
    Event,
    GateClosed,
    RetryForgone,
    RetryScheduled,
    TokenRefreshed,
    TurnRefused,
    TurnTaken,
    UpstreamCalled,
)
from app.platform.fair import Share
from app.platform.stack import Bounds
from app.service.accounts import AccountBook
from app.service.codings import Codings
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.items import House, ItemService, Lifetimes
from app.service.nouns import ACTIVITIES
from app.service.tasks import TaskService
from app.settings import Settings, UpstreamSettings
from app.telemetry import calls
from app.telemetry.lines import RequestLines
from app.telemetry.metrics import Metrics

_log = structlog.get_logger()

Clock = Callable[[], float]
SYSTEM_CLOCK: Clock = time.time  # noqa: TID251  # here it is handed down from
# Where the system has it, a clock that a suspended machine does not stop: what is kept ages on.
SYSTEM_MONOTONIC: Clock = partial(
    time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
)


def create_app(
    settings: Settings,
    *,
    sandbox: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
    monotonic: Clock = SYSTEM_MONOTONIC,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rand: Callable[[], float] = random.random,
    write_lines: Callable[[bytes], object] | None = None,
) -> FastAPI:
    """Build the service. `clock` is Unix time, `monotonic` never goes back, both in seconds.

    `transport` replaces the network, for tests; `sandbox` says that the data is made up.
    `write_lines` writes many lines of the log at once; without it each goes through the logger.
    """
    cache = Cache[Answer](
        max_bytes=settings.cache.max_bytes,
        clocks=Clocks(
            failure_ttl_s=settings.cache.ttl_error_s,
            not_found_ttl_s=settings.cache.ttl_not_found_s,
            stale_while_revalidate_s=settings.cache.stale_while_revalidate_s,
            stale_if_error_s=settings.cache.stale_if_error_s,
        ),
        monotonic=monotonic,
        rand=rand,
    )
    metrics = Metrics(version=__version__, monotonic=monotonic, cache_figures=cache.figures)
    platforms = create_platforms(
        settings,
        transport=transport,
        clock=clock,
        monotonic=monotonic,
        sleep=sleep,
        rand=rand,
        listen=_listener(metrics),
    )
    hosts = {alias: urlsplit(account.url).netloc for alias, account in settings.accounts.items()}
    book = AccountBook(hosts, sandbox=sandbox)
    house = House(
        accounts=tuple(sorted(settings.accounts)),
        fanout=Fanout(platforms, book, deadline_s=settings.upstream.answer_deadline_s, clock=clock),
        cache=cache,
        cursors=CursorCodec(_cursor_key(settings)),
        lifetimes=Lifetimes(
            unfinished_s=settings.cache.ttl_unfinished_s,
            finished_s=settings.cache.ttl_finished_s,
            item_finished_s=settings.cache.ttl_item_finished_s,
        ),
        scan_pages_max=settings.upstream.scan_pages_max,
        clock=clock,
        tenants=KnownTenants(),
    )
    readiness = Readiness(degraded=lambda: book.degraded)

    lines = None
    if write_lines is not None:
        lines = RequestLines(write_lines, clock=clock, monotonic=monotonic)
    journal = Journal(cache=cache, metrics=metrics, lines=lines, later=_later)
    fresh_id = middleware.fresh_ids()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for platform in platforms.values():
                stack.push_async_callback(platform.aclose)
            stack.push_async_callback(cache.aclose)
            stack.callback(journal.close)
            readiness.started = True
            yield
            readiness.draining = True

    app = FastAPI(
        title="Taskgate",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.readiness = readiness
    app.state.cache = cache
    app.state.metrics = metrics
    renderer = Renderer(
        codings=Codings(cache),
        deadline_s=settings.upstream.answer_deadline_s,
        monotonic=monotonic,
    )
    app.include_router(tasks.router(TaskService(house), renderer))
    app.include_router(activities.router(ItemService(ACTIVITIES, house), renderer))
    app.include_router(accounts.router(book))
    app.include_router(health.router(readiness=readiness, registry=metrics.registry))
    app.include_router(problem_pages.router())
    document.install(app)
    if settings.docs == "on":
        app.include_router(docs.router(app, sandbox=sandbox))
    problems.install(app)
    app.add_middleware(LeaveWithCaller)
    middleware.install(app, metrics=metrics, monotonic=monotonic, fresh_id=fresh_id)
    if settings.fastlane != "off":
        lane = FastLane(
            who=_anybody, cache=cache, sent=journal.note, fresh_id=fresh_id, monotonic=monotonic
        )
        app.add_middleware(AsgiDoor, lane=lane)
        app.state.lane = lane
    return app


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


def _anybody(_: Headers) -> Hashable:
    """Take every caller for the same consumer, as long as there are none."""
    return ""


def create_platforms(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = SYSTEM_CLOCK,
    monotonic: Clock = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rand: Callable[[], float] = random.random,
    listen: Callable[[Event], None] = lambda _: None,
    whose: Callable[[], Share] = Share,
) -> dict[str, PlatformClient]:
    """Return a client for each account, by alias.

    `whose` says for which consumer a call is made, at the time it is made.
    """
    return {
        alias: PlatformClient(
            account=alias,
            url=account.url,
            client_id=account.client_id,
            secret=account.secret,
            tenant=str(account.tenant) if account.tenant else None,
            transport=transport,
            bounds=_bounds(settings.upstream),
            page_size_max=settings.upstream.page_size_max,
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
            rand=rand,
            listen=listen,
            version=__version__,
            whose=whose,
        )
        for alias, account in settings.accounts.items()
    }


def _bounds(upstream: UpstreamSettings) -> Bounds:
    return Bounds(
        timeout_s=upstream.timeout_s,
        deadline_s=upstream.answer_deadline_s,
        concurrency=upstream.concurrency,
        rate=upstream.rate,
        body_max_bytes=upstream.body_max_bytes,
        ca_file=upstream.ca_file,
        proxy=upstream.proxy.get_secret_value() if upstream.proxy else None,
    )


def _cursor_key(settings: Settings) -> Callable[[], bytes]:
    """Return what tells the secret of cursors; a file that can't be read leaves the last one."""
    last = settings.cursor_key() or secrets.token_bytes(32)

    def key() -> bytes:
        nonlocal last
        with suppress(ValueError):
            last = settings.cursor_key() or last
        return last

    return key


def _listener(metrics: Metrics) -> Callable[[Event], None]:
    """Return what turns the platform side's facts into figures and log lines."""

    def listen(event: Event) -> None:
        if isinstance(event, ChangeEvent):
            _hear_change(event, metrics)
        else:
            _hear_call(event, metrics)

    return listen


def _hear_call(event: CallEvent, metrics: Metrics) -> None:
    """Count what happens with every call; only what stands out has a line."""
    match event:
        case UpstreamCalled():
            calls.note()
            metrics.upstream_called(
                account=event.account,
                endpoint=event.endpoint,
                outcome=event.outcome,
                seconds=event.seconds,
            )
        case RetryScheduled():
            metrics.retry_scheduled(account=event.account, endpoint=event.endpoint)
            _log.warning(
                "retry_scheduled",
                account=event.account,
                endpoint=event.endpoint,
                attempt=event.attempt,
                outcome=event.outcome,
                wait_s=round(event.wait_s, 3),
            )
        case RetryForgone():
            metrics.retry_forgone(account=event.account, endpoint=event.endpoint)
        case TurnTaken():
            metrics.turn_taken(account=event.account, waited_s=event.waited_s)
        case TurnRefused():
            metrics.turn_refused(account=event.account, reason=event.reason)
        case _:  # mypy knows that ItemsRead is what is left
            metrics.items_read(
                account=event.account,
                count=event.count,
                dropped=event.dropped,
                anomalies=event.anomalies,
            )


def _hear_change(event: ChangeEvent, metrics: Metrics) -> None:
    """Count and log changes of state."""
    match event:
        case GateClosed():
            metrics.gate_closed(account=event.account)
            _log.warning("gate_closed", account=event.account, seconds=round(event.seconds, 3))
        case BreakerMoved():
            facts = {"account": event.account, "part": event.part, "state": event.state}
            metrics.breaker_moved(**facts)
            _log.warning("breaker_moved", **facts)
        case TokenRefreshed():
            metrics.token_refreshed(account=event.account, lifetime_s=event.lifetime_s)
            _log.info("token_refreshed", account=event.account, generation=event.generation)
        case _:  # mypy knows that TokenRefreshFailed is what is left
            metrics.token_refresh_failed(account=event.account)
            _log.warning("token_refresh_failed", account=event.account, reason=event.reason)
