"""`/v1/tasks` and `/v1/tasks/{id}`: parse, one call of the service, render."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api import document
from app.api.document import OUTAGES
from app.api.freshness import Renderer
from app.domain.parsing import parse, refuse_all
from app.domain.task import Task
from app.errors import (
    AccountNotFoundError,
    AmbiguousIdError,
    TaskNotFoundError,
    UnknownParameterError,
)
from app.service.encode import TaskList
from app.service.tasks import TaskService
from app.telemetry import calls

TaskId = Annotated[
    str,
    Path(
        description="`<account>.<id>`, the platform's bare id, or its UUID.",
        examples=["eu2.944455285181775873"],
    ),
]


def router(service: TaskService, renderer: Renderer) -> APIRouter:
    """Serve the tasks of `service`."""
    routes = APIRouter(prefix="/v1", tags=["tasks"])

    @routes.get(
        "/tasks",
        response_class=Response,
        responses=document.answers(
            TaskList,
            description="One page of tasks.",
            failures=[*document.REFUSALS, AccountNotFoundError, AmbiguousIdError, *OUTAGES],
        ),
        openapi_extra={"parameters": document.parameters()},
    )
    async def list_tasks(request: Request) -> Response:
        """List tasks, newest first unless `sort` says otherwise.

        Values of one parameter are ORed (repeat it or separate by commas), parameters are ANDed.
        Follow `page.next`, or the `Link` header, to walk everything that matches: tasks that
        arrive during a walk on `created_at` neither repeat nor push others out.

        When some accounts fail, the others still answer: `meta.complete` is false and the failed
        account's `problem` says why. When all fail it is an error, never an empty list.
        """
        asked = parse(request.query_params.multi_items())
        request.state.consumer.scope.refuse(asked.query.accounts, service.accounts)
        made = calls.begin()
        found = await service.list(asked)
        request.state.upstream_calls = made.number
        return renderer.render(found, request)

    @routes.get(
        "/tasks/{id}",
        response_class=Response,
        responses=document.answers(
            Task,
            description="The task.",
            failures=[UnknownParameterError, TaskNotFoundError, AmbiguousIdError, *OUTAGES],
        ),
    )
    async def get_task(id: TaskId, request: Request) -> Response:  # noqa: A002  # the path's word
        """Return one task by its id, its bare upstream id, or its UUID.

        A bare id or UUID is looked for in every account; found in two it is 409 `ambiguous-id`
        with the candidates.
        """
        refuse_all(request.query_params.multi_items())
        made = calls.begin()
        found = await service.get(id)
        request.state.upstream_calls = made.number
        return renderer.render(found, request)

    return routes
