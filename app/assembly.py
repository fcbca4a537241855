"""What lives as long as the service: put together from the settings, and ended in order."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from app import __version__
from app.api.health import Readiness
from app.api.issuer_keys import FetchError
from app.api.journal import Journal
from app.cache.cache import Cache
from app.cache.commitment import commit
from app.calling import create_platforms
from app.clockwork import Clockwork
from app.housing import create_cache, create_house
from app.listening import listener
from app.platform.client import PlatformClient
from app.platform.events import Event, TurnTaken
from app.platform.fair import Share
from app.platform.issuer import IssuerDocuments
from app.service.accounts import AccountBook
from app.service.asking import ASKING
from app.service.codings import Codings
from app.service.encode import Answer
from app.service.house import House
from app.settings import Settings
from app.telemetry.lines import RequestLines
from app.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What is put together once and lives as long as the service."""

    cache: Cache[Answer]
    codings: Codings
    metrics: Metrics
    platforms: Mapping[str, PlatformClient]
    book: AccountBook
    house: House
    readiness: Readiness
    issuer: IssuerDocuments
    journal: Journal

    def ending(self) -> AsyncExitStack:
        """Return what ends them, the last first: who asks ends before who is asked."""
        stack = AsyncExitStack()
        stack.callback(self.codings.close)
        for platform in self.platforms.values():
            stack.push_async_callback(platform.aclose)
        stack.push_async_callback(self.cache.aclose)
        stack.push_async_callback(self.issuer.aclose)
        stack.callback(self.journal.close)
        return stack


def assemble(
    settings: Settings,
    clockwork: Clockwork,
    *,
    sandbox: bool,
    transport: httpx.AsyncBaseTransport | None,
    write_lines: Callable[[bytes], object] | None,
) -> Assembly:
    """Return it, at rest; the arguments are those of `create_app`."""
    cache = create_cache(settings.cache, clockwork)
    metrics = Metrics(
        version=__version__, monotonic=clockwork.monotonic, cache_figures=cache.figures
    )
    platforms = create_platforms(
        settings,
        transport=transport,
        clockwork=clockwork,
        listen=_listening(metrics),
        whose=_whose,
    )
    hosts = {alias: urlsplit(account.url).netloc for alias, account in settings.accounts.items()}
    book = AccountBook(hosts, sandbox=sandbox)
    lines = None
    if write_lines is not None:
        lines = RequestLines(write_lines, clock=clockwork.clock, monotonic=clockwork.monotonic)
    return Assembly(
        cache=cache,
        codings=Codings(cache),
        metrics=metrics,
        platforms=platforms,
        book=book,
        house=create_house(settings, platforms, book, cache, clockwork),
        readiness=Readiness(
            degraded=lambda: book.degraded,
            overloaded=lambda: (
                all(each.overloaded for each in platforms.values()) and bool(platforms)
            ),
        ),
        issuer=IssuerDocuments(failed=FetchError, transport=transport),
        journal=Journal(cache=cache, metrics=metrics, lines=lines, later=_later),
    )


def _later(seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, call)


def _listening(metrics: Metrics) -> Callable[[Event], None]:
    """Return what hears the platform side: a flight whose turn has come goes on to its end."""
    tell = listener(metrics.upstream)

    def listen(event: Event) -> None:
        if isinstance(event, TurnTaken):
            commit()
        tell(event)

    return listen


def _whose() -> Share:
    """Return whose turn a call of this context takes."""
    party = ASKING.get()
    return Share() if party is None else Share(party.first, party.weight, party)
