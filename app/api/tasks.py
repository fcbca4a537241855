"""`/v1/tasks` and `/v1/tasks/{id}`: parse, one call of the service, render."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.datastructures import QueryParams

from app.api import document
from app.api.document import OUTAGES
from app.api.freshness import Renderer
from app.domain.parsing import Asked, parse, refuse_all
from app.domain.task import Task
from app.domain.twins import TWINS, peel
from app.errors import (
    AccountNotFoundError,
    AmbiguousIdError,
    InvalidValueError,
    NotAcceptableError,
    TaskNotFoundError,
    UnknownParameterError,
)
from app.service.encode import TaskList
from app.service.tasks import TaskService

TaskId = Annotated[
    str,
    Path(
        description="`<account>.<id>`, the platform's bare id, or its UUID.",
        examples=["eu2.944455285181775873"],
    ),
]


@lru_cache(maxsize=512)
def _read(query_string: bytes) -> tuple[Mapping[str, Any], Asked]:
    """Return the twins and the question; remembered, since reading costs more than a look-up."""
    twins, pairs = peel(QueryParams(query_string).multi_items())
    return twins, parse(pairs)


def router(service: TaskService, renderer: Renderer) -> APIRouter:
    """Serve the tasks of `service`."""
    routes = APIRouter(prefix="/v1", tags=["tasks"])

    @routes.get(
        "/tasks",
        response_class=Response,
        responses=document.answers(
            TaskList,
            description="One page of tasks.",
            failures=[
                *document.REFUSALS,
                AccountNotFoundError,
                NotAcceptableError,
                AmbiguousIdError,
                *OUTAGES,
            ],
        ),
        openapi_extra={"parameters": document.parameters() + document.parameters(TWINS)},
    )
    async def list_tasks(request: Request) -> Response:
        """List tasks, newest first unless `sort` says otherwise.

        Values of one parameter are ORed (repeat it or separate by commas), parameters are ANDed.
        Follow `page.next`, or the `Link` header, to walk everything that matches: tasks that
        arrive during a walk on `created_at` neither repeat nor push others out.

        When some accounts fail, the others still answer: `meta.complete` is false and the failed
        account's `problem` says why. When all fail it is an error, never an empty list.
        """
        twins, asked = _read(request.scope["query_string"])
        return await renderer.answer(request, lambda how: service.list(asked, how), twins=twins)

    @routes.get(
        "/tasks/{id}",
        response_class=Response,
        responses=document.answers(
            Task,
            description="The task.",
            failures=[
                UnknownParameterError,
                InvalidValueError,
                TaskNotFoundError,
                NotAcceptableError,
                AmbiguousIdError,
                *OUTAGES,
            ],
        ),
        openapi_extra={"parameters": document.parameters(TWINS)},
    )
    async def get_task(id: TaskId, request: Request) -> Response:  # noqa: A002  # the path's word
        """Return one task by its id, its bare upstream id, or its UUID.

        A bare id or UUID is looked for in every account; found in two it is 409 `ambiguous-id`
        with the candidates.
        """
        twins, pairs = peel(request.query_params.multi_items())
        refuse_all(pairs)
        return await renderer.answer(request, lambda how: service.get(id, how), twins=twins)

    return routes
