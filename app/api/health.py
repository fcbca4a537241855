"""What an orchestrator asks: does the process turn, may it get requests, how does it do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(slots=True, kw_only=True)
class Readiness:
    """How the service stands; the composition root sets `started` and `draining`.

    `degraded` says whether an account is in trouble. That alone never takes the service out of
    rotation: kept answers still serve, and every replica sees the same platform. `overloaded` says
    whether nothing new can be asked here, which another replica may be able to.
    """

    degraded: Callable[[], bool]
    overloaded: Callable[[], bool]
    started: bool = False
    draining: bool = False

    @property
    def status(self) -> Literal["ok", "degraded", "starting", "draining", "overloaded"]:
        """One word; requests are welcome while it is `ok` or `degraded`."""
        if self.draining:
            return "draining"
        if not self.started:
            return "starting"
        if self.overloaded():
            return "overloaded"
        return "degraded" if self.degraded() else "ok"


def router(*, readiness: Readiness, registry: CollectorRegistry) -> APIRouter:
    """Serve `/healthz`, `/readyz` and `/metrics`: from local state alone, never cached."""
    routes = APIRouter(tags=["operation"])

    @routes.get("/healthz", summary="Alive", response_class=Response, responses={200: _said("ok")})
    async def healthz() -> Response:
        """Say that the process turns. Looks at nothing else."""
        return _status("ok", 200)

    @routes.get(
        "/readyz",
        summary="Ready for requests",
        response_class=Response,
        responses={200: _said("ok", "degraded"), 503: _said("starting", "draining", "overloaded")},
    )
    async def readyz() -> Response:
        """Say whether requests are welcome: 503 before the start is over and while draining.

        503 too while the queues of all accounts are full: nothing new can be asked here. Trouble of
        the platform is `degraded`, with 200: what is kept still serves.
        """
        status = readiness.status
        return _status(status, 200 if status in {"ok", "degraded"} else 503)

    @routes.get("/metrics", summary="Figures", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Give the figures in Prometheus' text form, or as OpenMetrics when `Accept` says so."""
        # In no coding: they differ at every scrape, whoever scrapes is near, and they must come
        # also when there is no time for anything else.
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers=_NO_STORE | {"Content-Type": media_type})

    return routes


def _status(word: str, code: int) -> Response:
    return Response(
        msgspec.json.encode({"status": word}),
        status_code=code,
        headers=_NO_STORE,
        media_type="application/json",
    )


def _said(*words: str) -> dict[str, object]:
    """Describe an answer of one word for the OpenAPI document."""
    schema = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"type": "string", "maxLength": 64, "x-extensible-enum": list(words)}
        },
    }
    return {
        "description": f"`status` is {' or '.join(f'`{word}`' for word in words)}.",
        "content": {"application/json": {"schema": schema}},
    }
