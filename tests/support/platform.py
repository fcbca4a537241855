"""A platform client in a world of its own: fake time, a fake platform, and what was told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from app.clockwork import Clockwork
from app.platform.account import Account, Bounds
from app.platform.client import PAGES_MAX, PlatformClient
from app.platform.events import Event
from app.platform.fair import Share
from app.platform.stack import Stack
from tests.support.upstream import FakeUpstream

UNIX = 1_800_000_000.0


@dataclass
class FakeTime:
    """Two clocks that move together, by sleeping or by hand."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Return seconds since the test began."""
        return self.now

    def clock(self) -> float:
        """Return Unix seconds."""
        return UNIX + self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once, with a turn for the others."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """What a test of the client looks at."""

    upstream: FakeUpstream
    time: FakeTime
    told: list[Event]
    client: PlatformClient

    def heard(self, kind: type[Event]) -> list[Event]:
        """Return the facts of one kind, in order."""
        return [event for event in self.told if isinstance(event, kind)]


def world(
    *,
    upstream: FakeUpstream | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    secret: Callable[[], str] = lambda: "secret",
    tenant: str | None = None,
    deadline_s: float = 90.0,
    bounds: Bounds | None = None,
    whose: Callable[[], Share] = Share,
    page_size_max: int = 1000,
    pages_max: int = PAGES_MAX,
    url: str = "https://eu2-cloud.acronis.com",
) -> World:
    """Build a client of account `eu2` whose random draws are all one half."""
    time = FakeTime()
    upstream = upstream or FakeUpstream()
    upstream.clock = time.clock
    told: list[Event] = []
    account = Account(alias="eu2", url=url, client_id="client", secret=secret, tenant=tenant)
    stack = Stack(
        account,
        bounds or Bounds(deadline_s=deadline_s),
        transport=transport or upstream.transport(),
        clockwork=Clockwork(
            clock=time.clock, monotonic=time.monotonic, sleep=time.sleep, rand=lambda: 0.5
        ),
        listen=told.append,
        version="1.2.3",
        whose=whose,
    )
    client = PlatformClient(
        stack,
        account="eu2",
        page_size_max=page_size_max,
        pages_max=pages_max,
        clock=time.clock,
        listen=told.append,
    )
    return World(upstream, time, told, client)
