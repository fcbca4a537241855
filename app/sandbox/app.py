"""The platform as an ASGI app: a token endpoint and the Task Manager's four (P§2, P§3)."""

from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.dataset import Dataset
from app.sandbox.fields import ACTIVITY_FIELDS, ACTIVITY_ORDERS, TASK_FIELDS, TASK_ORDERS
from app.sandbox.limit import RateLimit
from app.sandbox.listing import Noun
from app.sandbox.refusals import RefusalError, routing
from app.sandbox.times import SECOND_NS
from app.sandbox.tokens import Tokens

DEFAULT_SEED = 944_455
# Plainly fake: they open nothing but this app.
DEFAULT_CLIENT_ID = "00000000-5a5a-4b0c-8000-00000000c11e"
DEFAULT_CLIENT_SECRET = "sandbox-only-not-a-secret"  # noqa: S105
DEFAULT_LIFETIME_S = 7_200
DEFAULT_HISTORY_DAYS = 90  # as the console keeps activities (P§13)
# Neither number is documented (P§8); clients of the real one use up to 1,000.
DEFAULT_LIMIT = 100
DEFAULT_LIMIT_MAX = 1_000
DEFAULT_RETRY_AFTER_S = 5

_API = "/api/task_manager/v2"
_TOKEN_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def create_sandbox(
    *,
    clock: Callable[[], float],
    seed: int = DEFAULT_SEED,
    client_id: str = DEFAULT_CLIENT_ID,
    client_secret: str = DEFAULT_CLIENT_SECRET,
    token_lifetime_s: int = DEFAULT_LIFETIME_S,
    history_days: int = DEFAULT_HISTORY_DAYS,
    limit_default: int = DEFAULT_LIMIT,
    limit_max: int = DEFAULT_LIMIT_MAX,
    rate: float | None = None,
    retry_after_s: int = DEFAULT_RETRY_AFTER_S,
) -> Starlette:
    """Return a platform that lives by the clock (Unix seconds) and forgets nothing of a seed.

    Its birth, from when on the pulse of short tasks is kept, is the clock's time at this call.
    `app.state.dataset` is the whole truth, for those who compare it with the answers. With a `rate`
    (requests per second) it answers 429 to more, for `retry_after_s`; see `app.state.rate_limit`.
    """
    dataset = Dataset(seed=seed, born_ns=_nanoseconds(clock()), history_days=history_days)
    tokens = Tokens(
        clock=clock,
        client_id=client_id,
        client_secret=client_secret,
        lifetime_s=token_lifetime_s,
        tenants=dataset.estate.tenants,
    )
    sizes = {"limit_default": limit_default, "limit_max": limit_max}
    tasks = Noun("tasks", TASK_FIELDS, TASK_ORDERS, dataset.task_rows, **sizes)
    activities = Noun(
        "activities", ACTIVITY_FIELDS, ACTIVITY_ORDERS, dataset.activity_rows, **sizes
    )
    rate_limit = RateLimit(clock=clock, rate=rate, retry_after_s=retry_after_s)
    app = Starlette(
        routes=_Endpoints(clock, tokens, rate_limit).routes(tasks, activities),
        exception_handlers={RefusalError: _refused, HTTPException: _unrouted},
    )
    app.router.redirect_slashes = False
    app.state.dataset = dataset
    app.state.rate_limit = rate_limit
    return app


class _Endpoints:
    """HTTP in, HTTP out; what is right and wrong is decided behind."""

    def __init__(self, clock: Callable[[], float], tokens: Tokens, rate_limit: RateLimit) -> None:
        self._clock = clock
        self._tokens = tokens
        self._rate_limit = rate_limit

    def routes(self, *nouns: Noun) -> list[Route]:
        routes = [Route("/api/2/idp/token", self.token, methods=["POST"])]
        for noun in nouns:
            path = f"{_API}/{noun.name}"
            routes.append(Route(path, partial(self.page, noun)))
            routes.append(Route(f"{path}/{{number}}", partial(self.one, noun)))
        return routes

    async def token(self, request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        body = await request.body()
        answer = self._tokens.answer(content_type, _authorization(request), body)
        return JSONResponse(
            answer, headers=_TOKEN_HEADERS, media_type="application/json; charset=utf-8"
        )

    async def page(self, noun: Noun, request: Request) -> Response:
        self._rate_limit.check()
        grant = self._tokens.check(_authorization(request))
        params, now_ns = request.query_params.multi_items(), _nanoseconds(self._clock())
        return _json(noun.page(params, now_ns=now_ns, locator=grant.locator))

    async def one(self, noun: Noun, request: Request) -> Response:
        self._rate_limit.check()
        grant = self._tokens.check(_authorization(request))
        params, now_ns = request.query_params.multi_items(), _nanoseconds(self._clock())
        number = request.path_params["number"]
        return _json(noun.one(number, params, now_ns=now_ns, locator=grant.locator))


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _refused(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RefusalError)  # noqa: S101 - Starlette types handlers by Exception
    return JSONResponse(exc.body, exc.status, headers=exc.headers)


def _unrouted(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - as above
    refusal = routing(exc.status_code)
    return JSONResponse(refusal.body, refusal.status, headers=exc.headers)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _nanoseconds(unix_s: float) -> int:
    return int(unix_s * SECOND_NS)
