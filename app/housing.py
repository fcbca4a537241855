"""What answers questions: the cache and the house around it, as the settings have them."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress

from app.cache.answers import Clocks
from app.cache.cache import Cache
from app.clockwork import Clockwork
from app.domain.cursor import CursorCodec
from app.domain.filters import KnownTenants
from app.service.accounts import AccountBook
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.house import House, Lifetimes
from app.service.reading import Platform
from app.settings import CacheSettings, Settings


def create_cache(settings: CacheSettings, clockwork: Clockwork) -> Cache[Answer]:
    """Return an empty cache."""
    return Cache(
        max_bytes=settings.max_bytes,
        clocks=Clocks(
            failure_ttl_s=settings.ttl_error_s,
            not_found_ttl_s=settings.ttl_not_found_s,
            stale_while_revalidate_s=settings.stale_while_revalidate_s,
            stale_if_error_s=settings.stale_if_error_s,
        ),
        monotonic=clockwork.monotonic,
        rand=clockwork.rand,
    )


def create_house(
    settings: Settings,
    platforms: Mapping[str, Platform],
    book: AccountBook,
    cache: Cache[Answer],
    clockwork: Clockwork,
) -> House:
    """Return what answers questions from `cache`, and what is not kept from `platforms`."""
    return House(
        accounts=tuple(sorted(settings.accounts)),
        fanout=Fanout(
            platforms,
            book,
            deadline_s=settings.upstream.answer_deadline_s,
            clock=clockwork.clock,
            monotonic=clockwork.monotonic,
        ),
        cache=cache,
        cursors=CursorCodec(_cursor_key(settings)),
        lifetimes=Lifetimes(
            unfinished_s=settings.cache.ttl_unfinished_s,
            finished_s=settings.cache.ttl_finished_s,
            item_finished_s=settings.cache.ttl_item_finished_s,
        ),
        scan_pages_max=settings.upstream.scan_pages_max,
        monotonic=clockwork.monotonic,
        tenants=KnownTenants(),
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
