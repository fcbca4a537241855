"""`/v1/admin/purge` and `/v1/admin/explain`: what is kept, for admins alone, with a log line."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
import structlog
from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from app.api import document
from app.api.consumers import refuse_others
from app.api.directives import read_wish
from app.api.failures import REFUSALS
from app.domain.faults import Faults
from app.domain.parameters import (
    ACTIVITY_ITEM_PARAMETERS,
    ACTIVITY_PARAMETERS,
    TASK_ITEM_PARAMETERS,
    TASK_PARAMETERS,
)
from app.domain.parsing import parse, parse_shape, parse_steps, refuse_all
from app.domain.twins import peel
from app.errors import (
    AccountNotFoundError,
    ConflictingParametersError,
    InvalidParameterError,
    InvalidValueError,
    ParameterFault,
    ScopeDeniedError,
)
from app.service.admin import Admin, Explanation, Purge, Purged
from app.service.items import ItemService
from app.service.questions import Question
from app.service.scope import Caller
from app.service.steps import Steps
from app.service.tasks import TaskService

_TOLD_MAX = 200  # characters of a query that a log line repeats
_PATH: Final = {
    "name": "path",
    "in": "query",
    "required": True,
    "description": "The path with its query, percent-encoded.",
    "schema": {"type": "string", "maxLength": 8192, "examples": ["/v1/tasks?status=failed"]},
}
_FAILURES: Final = (*REFUSALS, AccountNotFoundError)
_log = structlog.get_logger()
_read_purge = msgspec.json.Decoder(Purge).decode


def router(admin: Admin, tasks: TaskService, activities: ItemService) -> APIRouter:
    """Serve `admin`, who reads paths as `tasks` and `activities` do."""
    routes = APIRouter(prefix="/v1/admin", tags=["admin"])
    questions = Questions(tasks, activities)

    @routes.post(
        "/purge",
        response_class=Response,
        responses=document.answers(
            Purged, description="What was ended.", failures=_FAILURES, kept=False
        ),
        openapi_extra=document.request_body(Purge, example={"account": "eu2"}),
    )
    async def purge(request: Request) -> Response:
        """End the freshness of kept answers, for admins.

        The next request asks the platform; the old answer may still serve if that fails, unless
        `hard` forgets it.
        """
        caller: Caller = request.state.caller
        _let_in(caller, "purge")
        refuse_all(request.query_params.multi_items())
        wish = _read(await request.body())
        purged = await admin.purge(
            caller.scope,
            account=wish.account,
            question=None if wish.query is None else questions.read(wish.query, caller)[0],
            hard=wish.hard,
        )
        told = msgspec.structs.asdict(wish) | {"query": wish.query and wish.query[:_TOLD_MAX]}
        _log.info("admin_purged", consumer=caller.consumer.name, purged=purged, **told)
        return _answer(Purged(purged))

    @routes.get(
        "/explain",
        response_class=Response,
        responses=document.answers(
            Explanation, description="How it would be answered now.", failures=_FAILURES, kept=False
        ),
        openapi_extra={"parameters": [_PATH]},
    )
    async def explain(request: Request) -> Response:
        """Tell how a request of yours would be answered, for admins; calls nothing upstream."""
        caller: Caller = request.state.caller
        _let_in(caller, "explain")
        pairs = request.query_params.multi_items()
        refuse_all([pair for pair in pairs if pair[0] != "path"])
        path = _the_path([value for _, value in pairs])
        question, twins = questions.read(path, caller)
        told = admin.explain(question, read_wish("", "", twins, deadline_s=0))
        _log.info("admin_explained", consumer=caller.consumer.name, path=path[:_TOLD_MAX])
        return _answer(told)

    return routes


class Questions:
    """Reads a path with its query as the routes do."""

    def __init__(self, tasks: TaskService, activities: ItemService) -> None:
        self._tasks = tasks
        self._activities = activities

    def read(self, target: str, caller: Caller) -> tuple[Question | Steps, Mapping[str, Any]]:
        """Return the question that a request of `caller` to `target` asks, and its twins.

        Raises:
            RequestError: no such route answers from the cache, or it would refuse the request.
        """
        path, _, query = target.partition("?")
        faults = Faults()
        twins, pairs = peel(QueryParams(query).multi_items(), faults)
        faults.settle()
        match [unquote(part) for part in urlsplit(path).path.split("/")]:
            case ["", "v1", "tasks"]:
                return self._tasks.resolve(parse(pairs, TASK_PARAMETERS), caller), twins
            case ["", "v1", "activities"]:
                return self._activities.resolve(parse(pairs, ACTIVITY_PARAMETERS), caller), twins
            case ["", "v1", "tasks", text]:
                shape = parse_shape(pairs, TASK_ITEM_PARAMETERS)
                return self._tasks.point(text, shape, caller), twins
            case ["", "v1", "activities", text]:
                shape = parse_shape(pairs, ACTIVITY_ITEM_PARAMETERS)
                return self._activities.point(text, shape, caller), twins
            case ["", "v1", "tasks", text, "activities"]:
                shape, tree = parse_steps(pairs)
                return self._tasks.point_at_activities(text, shape, caller, tree=tree), twins
            case _:
                fault = ParameterFault("path", "is no path that is answered from the cache")
                raise InvalidValueError("No kept answer has this path.", faults=[fault])


def _the_path(given: list[str]) -> str:
    if len(given) != 1:
        fault = ParameterFault("path", "must be given once")
        raise InvalidValueError("Say which path is meant.", faults=[fault])
    return given[0]


def _let_in(caller: Caller, action: str) -> None:
    try:
        refuse_others(caller.consumer)
    except ScopeDeniedError:
        _log.warning("admin_refused", consumer=caller.consumer.name, action=action)
        raise


def _read(body: bytes) -> Purge:
    try:
        wish = _read_purge(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidParameterError(
            "The body must be JSON with `account`, `tenant`, `query` or `all`, and `hard`."
        ) from None
    named = (wish.account, wish.tenant, wish.query) != (None, None, None)
    if named == wish.all:
        raise ConflictingParametersError(
            "Name an `account`, a `tenant` or a `query`, or say `all` and nothing else."
        )
    return wish


def _answer(body: msgspec.Struct) -> Response:
    return Response(
        msgspec.json.encode(body),
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )
