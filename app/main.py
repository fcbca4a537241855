"""The composition root: draws the line of a request, then builds exactly that.

::

    request ─ fast lane ── answered before, still kept ─────────────────→ bytes   app.api.fastlane
      └ proxies ─ SecurityHeaders                                                 app.api.edge
      └ Cors                                                                      app.api.cors
      └ RequestId ─ RequestLine ─ ErrorNet ─ TargetLimit ─ HeadAsGet              app.api.middleware
      └ Hosts ─ FullHouse ─ BodyLimit                                             app.api.edge
      └ Authentication → Caller                                                   app.api.consumers
      └ LeaveWithCaller                                                           app.api.leaving
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
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from app import __version__, wrapping
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
from app.api.health import Readiness
from app.api.issuer_keys import FetchError
from app.api.journal import Journal
from app.cache.answers import Clocks
from app.cache.cache import Cache
from app.cache.commitment import commit
from app.domain.cursor import CursorCodec
from app.domain.filters import KnownTenants
from app.listening import listener
from app.platform.client import PlatformClient
from app.platform.events import Event, TurnTaken
from app.platform.fair import Share
from app.platform.issuer import IssuerDocuments
from app.platform.stack import Bounds
from app.service.accounts import AccountBook
from app.service.admin import Admin
from app.service.asking import ASKING
from app.service.codings import Codings
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.house import House, Lifetimes
from app.service.items import ItemService
from app.service.nouns import ACTIVITIES
from app.service.tasks import TaskService
from app.settings import CacheSettings, Settings, UpstreamSettings
from app.telemetry.lines import RequestLines
from app.telemetry.metrics import Metrics
from app.wrapping import wrap

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

    Raises:
        SettingsError: the consumers' file is wrong.
    """
    cache = _cache(settings.cache, monotonic=monotonic, rand=rand)
    codings = Codings(cache)
    metrics = Metrics(version=__version__, monotonic=monotonic, cache_figures=cache.figures)
    platforms = create_platforms(
        settings,
        transport=transport,
        clock=clock,
        monotonic=monotonic,
        sleep=sleep,
        rand=rand,
        listen=_listening(metrics),
        whose=_whose,
    )
    hosts = {alias: urlsplit(account.url).netloc for alias, account in settings.accounts.items()}
    book = AccountBook(hosts, sandbox=sandbox)
    house = _house(settings, platforms, book, cache, clock=clock, monotonic=monotonic)
    readiness = Readiness(
        degraded=lambda: book.degraded,
        overloaded=lambda: all(each.overloaded for each in platforms.values()) and bool(platforms),
    )
    issuer = IssuerDocuments(failed=FetchError, transport=transport)

    lines = None
    if write_lines is not None:
        lines = RequestLines(write_lines, clock=clock, monotonic=monotonic)
    journal = Journal(cache=cache, metrics=metrics, lines=lines, later=_later)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(codings.close)
            for platform in platforms.values():
                stack.push_async_callback(platform.aclose)
            stack.push_async_callback(cache.aclose)
            stack.push_async_callback(issuer.aclose)
            stack.callback(journal.close)
            await stack.enter_async_context(sharing)
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
        codings=codings,
        deadline_s=settings.upstream.answer_deadline_s,
        monotonic=monotonic,
    )
    task_service, activity_service = TaskService(house), ItemService(ACTIVITIES, house)
    app.include_router(tasks.router(task_service, renderer))
    app.include_router(activities.router(activity_service, renderer))
    app.include_router(accounts.router(book))
    app.include_router(admin.router(Admin(house), task_service, activity_service))
    app.include_router(health.router(readiness=readiness, registry=metrics.registry))
    app.include_router(problem_pages.router())
    document.install(app)
    if settings.docs == "on":
        app.include_router(docs.router(app, sandbox=sandbox))
    problems.install(app)
    sharing = wrap(
        app,
        settings,
        cache=cache,
        metrics=metrics,
        fetch=issuer.fetch,
        sent=journal.note,
        clocks=wrapping.Clocks(clock, monotonic, sleep),
    )
    return app


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


def _listening(metrics: Metrics) -> Callable[[Event], None]:
    """Return what hears the platform side: a flight whose turn has come goes on to its end."""
    tell = listener(metrics)

    def listen(event: Event) -> None:
        if isinstance(event, TurnTaken):
            commit()
        tell(event)

    return listen


def _whose() -> Share:
    """Return whose turn a call of this context takes."""
    party = ASKING.get()
    return Share() if party is None else Share(party.first, party.weight, party)


def _cache(
    settings: CacheSettings, *, monotonic: Clock, rand: Callable[[], float]
) -> Cache[Answer]:
    return Cache(
        max_bytes=settings.max_bytes,
        clocks=Clocks(
            failure_ttl_s=settings.ttl_error_s,
            not_found_ttl_s=settings.ttl_not_found_s,
            stale_while_revalidate_s=settings.stale_while_revalidate_s,
            stale_if_error_s=settings.stale_if_error_s,
        ),
        monotonic=monotonic,
        rand=rand,
    )


def _house(
    settings: Settings,
    platforms: Mapping[str, PlatformClient],
    book: AccountBook,
    cache: Cache[Answer],
    *,
    clock: Clock,
    monotonic: Clock,
) -> House:
    return House(
        accounts=tuple(sorted(settings.accounts)),
        fanout=Fanout(
            platforms,
            book,
            deadline_s=settings.upstream.answer_deadline_s,
            clock=clock,
            monotonic=monotonic,
        ),
        cache=cache,
        cursors=CursorCodec(_cursor_key(settings)),
        lifetimes=Lifetimes(
            unfinished_s=settings.cache.ttl_unfinished_s,
            finished_s=settings.cache.ttl_finished_s,
            item_finished_s=settings.cache.ttl_item_finished_s,
        ),
        scan_pages_max=settings.upstream.scan_pages_max,
        monotonic=monotonic,
        tenants=KnownTenants(),
    )


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
