"""The platform as an ASGI app: a token endpoint and the Task Manager's four (P§2, P§3)."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.sandbox.dataset import Dataset
from app.sandbox.fields import ACTIVITY_FIELDS, ACTIVITY_ORDERS, TASK_FIELDS, TASK_ORDERS
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
) -> Starlette:
    """Return a platform that lives by the clock (Unix seconds) and forgets nothing of a seed.

    Its birth, from when on the pulse of short tasks is kept, is the clock's time at this call.
    `app.state.dataset` is the whole truth, for those who compare it with the answers.
    """
    dataset = Dataset(seed=seed, born_ns=_nanoseconds(clock()), history_days=history_days)
    tokens = Tokens(
        clock=clock,
        client_id=client_id,
        client_secret=client_secret,
        lifetime_s=token_lifetime_s,
        tenants=dataset.estate.tenants,
    )
    tasks = Noun(
        name="tasks",
        fields=TASK_FIELDS,
        orders=TASK_ORDERS,
        rows=dataset.task_rows,
        limit_default=limit_default,
        limit_max=limit_max,
    )
    activities = Noun(
        name="activities",
        fields=ACTIVITY_FIELDS,
        orders=ACTIVITY_ORDERS,
        rows=dataset.activity_rows,
        limit_default=limit_default,
        limit_max=limit_max,
    )

    async def token(request: Request) -> Response:
        headers = request.headers
        body = await request.body()
        content_type, authorization = (
            headers.get("content-type", ""),
            headers.get("authorization", ""),
        )
        answer = tokens.answer(content_type, authorization, body)
        return JSONResponse(
            answer, headers=_TOKEN_HEADERS, media_type="application/json; charset=utf-8"
        )

    def many(noun: Noun) -> Callable[[Request], Any]:
        async def page(request: Request) -> Response:
            grant = tokens.check(request.headers.get("authorization", ""))
            params = request.query_params.multi_items()
            return _json(noun.page(params, now_ns=_nanoseconds(clock()), locator=grant.locator))

        return page

    def single(noun: Noun) -> Callable[[Request], Any]:
        async def one(request: Request) -> Response:
            grant = tokens.check(request.headers.get("authorization", ""))
            params = request.query_params.multi_items()
            number, now_ns = request.path_params["number"], _nanoseconds(clock())
            return _json(noun.one(number, params, now_ns=now_ns, locator=grant.locator))

        return one

    routes = [Route("/api/2/idp/token", token, methods=["POST"])]
    for noun in (tasks, activities):
        routes.append(Route(f"{_API}/{noun.name}", many(noun)))
        routes.append(Route(f"{_API}/{noun.name}/{{number}}", single(noun)))
    app = Starlette(
        routes=routes,
        exception_handlers={RefusalError: _refused, HTTPException: _unrouted},
    )
    app.router.redirect_slashes = False
    app.state.dataset = dataset
    return app


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
