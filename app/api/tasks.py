"""`/v1/tasks`, `/v1/tasks/{id}` and its activities: parse, one call of the service, render."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api import document
from app.api.direct import DirectRoute
from app.api.document_parameters import query_parameters
from app.api.failures import LIST_FAILURES, item_failures
from app.api.freshness import Renderer
from app.api.questions import remembered
from app.domain.parameters import TASK_ACTIVITIES_PARAMETERS, TASK_ITEM_PARAMETERS, TASK_PARAMETERS
from app.domain.parsing import parse, parse_shape, parse_steps
from app.domain.task import Task
from app.domain.twins import TWINS
from app.errors import TaskNotFoundError
from app.service.envelope import ActivityList, TaskList
from app.service.tasks import TaskService

TaskId = Annotated[
    str,
    Path(
        description="`<account>.<id>`, the platform's bare id, or its UUID.",
        examples=["eu2.944455285181775873"],
    ),
]
_ITEM_FAILURES = item_failures(TaskNotFoundError)


def router(service: TaskService, renderer: Renderer) -> APIRouter:
    """Serve the tasks of `service`."""
    routes = APIRouter(prefix="/v1", tags=["tasks"], route_class=DirectRoute)
    read_list = remembered(lambda pairs: parse(pairs, TASK_PARAMETERS))
    read_shape = remembered(lambda pairs: parse_shape(pairs, TASK_ITEM_PARAMETERS))
    read_steps = remembered(parse_steps)

    @routes.get(
        "/tasks",
        response_class=Response,
        responses=document.answers(
            TaskList, description="One page of tasks.", failures=LIST_FAILURES
        ),
        openapi_extra=query_parameters(TASK_PARAMETERS, TWINS),
    )
    async def list_tasks(request: Request) -> Response:
        """List tasks, newest first unless `sort` says otherwise.

        Values of one parameter are ORed (repeat it or separate by commas), parameters are ANDed.
        Follow `page.next`, or the `Link` header, to walk everything that matches: tasks that
        arrive during a walk on `created_at` neither repeat nor push others out.

        When some accounts fail, the others still answer: `meta.complete` is false and the failed
        account's `problem` says why. When all fail it is an error, never an empty list.
        """
        caller = request.state.caller
        twins, asked = read_list(request)
        return await renderer.answer(
            request, lambda how: service.list(asked, caller, how), twins=twins
        )

    @routes.get(
        "/tasks/{id}",
        response_class=Response,
        responses=document.answers(Task, description="The task.", failures=_ITEM_FAILURES),
        openapi_extra=query_parameters(TASK_ITEM_PARAMETERS, TWINS),
    )
    async def get_task(id: TaskId, request: Request) -> Response:  # noqa: A002  # the path's word
        """Return one task by its id, its bare upstream id, or its UUID.

        A bare id or UUID is looked for in every account; found in two it is 409 `ambiguous-id`
        with the candidates.
        """
        caller = request.state.caller
        twins, shape = read_shape(request)
        return await renderer.answer(
            request, lambda how: service.get(id, shape, caller, how), twins=twins
        )

    @routes.get(
        "/tasks/{id}/activities",
        response_class=Response,
        responses=document.answers(
            ActivityList, description="The steps, oldest first.", failures=_ITEM_FAILURES
        ),
        openapi_extra=query_parameters(TASK_ACTIVITIES_PARAMETERS, TWINS),
    )
    async def list_task_activities(
        id: TaskId,  # noqa: A002  # the path's word
        request: Request,
    ) -> Response:
        """List the steps of one task, oldest first, flat or as a tree.

        In the tree a step whose parent is not there is a root, so nothing is lost. A page holds a
        thousand steps; a task with more goes on at `page.next`, flat.
        """
        caller = request.state.caller
        twins, (shape, tree) = read_steps(request)
        return await renderer.answer(
            request, lambda how: service.activities(id, shape, caller, how, tree=tree), twins=twins
        )

    return routes
