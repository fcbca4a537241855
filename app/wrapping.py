"""What wraps every request: who may ask, the bounds at the edge, and the lane around all of it."""

import secrets
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.api import middleware
from app.api.asgi_door import AsgiDoor
from app.api.consumers import Authentication, Everybody, Guard
from app.api.edge import BodyLimit, FullHouse, Hosts, SecurityHeaders
from app.api.fastlane import FastLane, Kept, Limits, Sent, Who
from app.api.issuer_keys import Fetch
from app.api.jwt import TokenVerifier
from app.api.leaving import LeaveWithCaller
from app.api.limits import FailureLimiter, Limiter
from app.api.roster import Roster
from app.clockwork import Clockwork
from app.service.scope import ANYBODY
from app.settings import Settings
from app.telemetry.metrics import Metrics


class _Door(NamedTuple):
    who: Who
    limits: Limits
    sharing: AbstractAsyncContextManager[None]


def wrap(
    app: FastAPI,
    settings: Settings,
    *,
    cache: Kept,
    metrics: Metrics,
    fetch: Fetch,
    sent: Sent,
    clockwork: Clockwork,
) -> AbstractAsyncContextManager[None]:
    """Put what wraps every request around the routes of `app`, the innermost first.

    `fetch` gets the token issuer's documents; `sent` takes down what leaves by the lane. What is
    returned runs beside the requests, as long as there are any: it shares rates with replicas.

    Raises:
        SettingsError: the consumers' file is wrong.
    """
    door = _ask_who(app, settings, metrics, fetch, clockwork)
    # Around the door, too: it may wait for the token issuer.
    app.add_middleware(LeaveWithCaller)
    app.add_middleware(BodyLimit)
    app.add_middleware(FullHouse)
    if settings.allowed_hosts:
        app.add_middleware(Hosts, hosts=settings.allowed_hosts)
    middleware.install(
        app,
        metrics=metrics,
        monotonic=clockwork.monotonic,
        fresh_id=lambda: secrets.token_hex(8),
        origins=settings.cors_origins,
    )
    app.add_middleware(SecurityHeaders)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    if settings.fastlane != "off":
        app.state.lane = FastLane(
            who=door.who,
            limits=door.limits,
            cache=cache,
            sent=sent,
            monotonic=clockwork.monotonic,
        )
        app.add_middleware(AsgiDoor, lane=app.state.lane)
    return door.sharing


def _ask_who(
    app: FastAPI, settings: Settings, metrics: Metrics, fetch: Fetch, clockwork: Clockwork
) -> _Door:
    """Put the door into `app`: everybody is somebody from here on."""
    if settings.auth == "off":
        app.add_middleware(Everybody, consumer=ANYBODY)
        return _Door(who=lambda _: ANYBODY, limits=lambda _: (), sharing=nullcontext())
    roster = Roster(
        settings,
        salt=secrets.token_bytes(32),
        monotonic=clockwork.monotonic,
        reloaded=metrics.access.file_read,
    )
    app.state.roster = roster
    tokens = None
    if settings.oidc is not None:
        tokens = TokenVerifier(
            settings.oidc,
            fetch=fetch,
            clock=clockwork.clock,
            monotonic=clockwork.monotonic,
            fetched=metrics.access.keys_fetched,
        )
    guard = Guard(roster, tokens)
    limiter, sharing = _limiter(settings, metrics, clockwork)
    app.add_middleware(
        Authentication,
        guard=guard,
        limiter=limiter,
        failures=FailureLimiter(monotonic=clockwork.monotonic),
        refused=metrics.access.unauthenticated,
    )
    return _Door(who=guard.known, limits=limiter.headers, sharing=sharing)


def _limiter(
    settings: Settings, metrics: Metrics, clockwork: Clockwork
) -> tuple[Limiter, AbstractAsyncContextManager[None]]:
    """Return what bounds consumers' rates, and what shares them with other replicas."""
    limited = metrics.access.limited
    if not settings.has_valkey:
        return Limiter(monotonic=clockwork.monotonic, limited=limited), nullcontext()
    # Only here: who has no Valkey does not carry its client.
    from app.api.shared_buckets import Buckets  # noqa: PLC0415
    from app.api.shared_rates import SharedRates  # noqa: PLC0415

    shared = SharedRates(
        Buckets(settings.valkey), answered=metrics.access.rates_answered, sleep=clockwork.sleep
    )
    limiter = Limiter(monotonic=clockwork.monotonic, limited=limited, taken=shared.note)
    return limiter, shared.running(limiter.learn)
