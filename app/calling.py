"""Who calls the platform: a client for each account, as the settings have it."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

import httpx

from app import __version__
from app.clockwork import SYSTEM_CLOCK, Clockwork
from app.platform.account import Account, Bounds
from app.platform.client import PlatformClient
from app.platform.events import Event
from app.platform.fair import Share
from app.platform.stack import Stack
from app.settings import AccountSettings, Settings, UpstreamSettings

_OF_A_COMMAND: Final = Clockwork(
    clock=SYSTEM_CLOCK, monotonic=time.monotonic, sleep=asyncio.sleep, rand=random.random
)


def create_platforms(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clockwork: Clockwork = _OF_A_COMMAND,
    listen: Callable[[Event], None] = lambda _: None,
    whose: Callable[[], Share] = Share,
) -> dict[str, PlatformClient]:
    """Return a client for each account, by alias.

    `whose` says for which consumer a call is made, at the time it is made.
    """
    bounds = _bounds(settings.upstream)
    return {
        alias: PlatformClient(
            Stack(
                _account(alias, account),
                bounds,
                transport=transport,
                clockwork=clockwork,
                listen=listen,
                version=__version__,
                whose=whose,
            ),
            account=alias,
            page_size_max=settings.upstream.page_size_max,
            clock=clockwork.clock,
            listen=listen,
        )
        for alias, account in settings.accounts.items()
    }


def _account(alias: str, account: AccountSettings) -> Account:
    return Account(
        alias=alias,
        url=account.url,
        client_id=account.client_id,
        secret=account.secret,
        tenant=str(account.tenant) if account.tenant else None,
    )


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
