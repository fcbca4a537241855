"""A small app behind the whole edge, and clients that speak to it without a socket."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import count

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from httpx import ASGITransport, AsyncClient

from app.api import docs, health, middleware, problem_pages, problems
from app.api.health import Readiness
from app.errors import ServiceError, UpstreamThrottledError
from app.telemetry.metrics import Metrics


@dataclass
class Figures:
    """Figures of a cache that was used a little."""

    bytes: int = 2048
    entries: int = 2
    hits: int = 5
    misses: int = 3
    collapsed: int = 1
    stale: int = 4
    refreshes: int = 2
    stale_if_error: int = 1
    evictions: int = 0


@dataclass
class Edge:
    """The app with the parts that a test looks at."""

    app: FastAPI
    metrics: Metrics
    readiness: Readiness

    def client(self) -> AsyncClient:
        """Return a client of the app; close it by leaving its context."""
        return AsyncClient(transport=ASGITransport(app=self.app), base_url="http://edge")

    def figure(self, name: str, **labels: str) -> float | None:
        """Return one sample of the registry, or None when it was never counted."""
        return self.metrics.registry.get_sample_value(name, labels)


def edge(*, sandbox: bool = False, monotonic: Callable[[], float] | None = None) -> Edge:
    """Build the app; without a clock of yours every reading of it is a second later."""
    ids, ticks = count(1), count()
    tick = monotonic or (lambda: float(next(ticks)))
    metrics = Metrics(version="1.2.3", monotonic=tick, cache_figures=Figures)
    readiness = Readiness(degraded=bool, overloaded=bool, started=True)
    app = FastAPI(
        title="Taskgate",
        version="1.2.3",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.include_router(_routes(), prefix="/v1")
    app.include_router(health.router(readiness=readiness, registry=metrics.registry))
    app.include_router(problem_pages.router())
    app.include_router(docs.router(app, sandbox=sandbox))
    problems.install(app)
    middleware.install(app, metrics=metrics, monotonic=tick, fresh_id=lambda: f"fresh-{next(ids)}")
    return Edge(app=app, metrics=metrics, readiness=readiness)


def failing(error: Exception) -> Edge:
    """Build an edge whose `/fail` raises `error`."""
    built = edge()

    @built.app.get("/fail")
    async def fail() -> Response:
        raise error

    return built


def _routes() -> APIRouter:
    routes = APIRouter(tags=["tasks"])

    @routes.get("/tasks")
    async def tasks(request: Request, limit: int = 100) -> Response:
        """List tasks, the newest first."""
        request.state.cache = "hit"
        request.state.upstream_calls = 0
        return JSONResponse({"items": [], "limit": limit})

    @routes.get("/tasks/{task_id}")
    async def task(task_id: str) -> Response:
        """Return one task."""
        return JSONResponse({"id": task_id})

    @routes.post("/tasks")
    async def make() -> Response:
        """Refuse what can't be read."""
        raise HTTPException(400)

    @routes.get("/crash")
    async def crash() -> Response:
        """Meet a bug."""
        raise ZeroDivisionError("s3cret")

    @routes.get("/cut", response_class=Response)
    async def cut() -> StreamingResponse:
        """Meet a bug in the middle of an answer."""
        return StreamingResponse(_broken_off())

    @routes.get("/cut-by-name", response_class=Response)
    async def cut_by_name() -> StreamingResponse:
        """Meet a failure with a name in the middle of an answer."""
        return StreamingResponse(_refused())

    return routes


async def _broken_off() -> AsyncIterator[bytes]:
    yield b"half"
    raise ZeroDivisionError("s3cret")


async def _refused() -> AsyncIterator[bytes]:
    yield b"half"
    raise throttled()


def throttled() -> ServiceError:
    """Return a failure that says when to come back."""
    return UpstreamThrottledError("Slow down.", retry_after_s=1.2, account="eu2")
