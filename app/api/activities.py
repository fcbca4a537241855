"""`/v1/activities` and `/v1/activities/{id}`: parse, one call of the service, render."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api import document
from app.api.direct import DirectRoute
from app.api.document_parameters import query_parameters
from app.api.failures import LIST_FAILURES, item_failures
from app.api.freshness import Renderer
from app.api.questions import remembered
from app.domain.activity import Activity
from app.domain.parameters import ACTIVITY_ITEM_PARAMETERS, ACTIVITY_PARAMETERS
from app.domain.parsing import parse, parse_shape
from app.domain.twins import TWINS
from app.errors import ActivityNotFoundError
from app.service.envelope import ActivityList
from app.service.items import ItemService

ActivityId = Annotated[
    str,
    Path(
        description="`<account>.<id>`, the platform's bare id, or its UUID.",
        examples=["eu2.1175855114477957125"],
    ),
]


def router(service: ItemService, renderer: Renderer) -> APIRouter:
    """Serve the activities of `service`."""
    routes = APIRouter(prefix="/v1", tags=["activities"], route_class=DirectRoute)
    read_list = remembered(lambda pairs: parse(pairs, ACTIVITY_PARAMETERS))
    read_shape = remembered(lambda pairs: parse_shape(pairs, ACTIVITY_ITEM_PARAMETERS))

    @routes.get(
        "/activities",
        response_class=Response,
        responses=document.answers(
            ActivityList, description="One page of activities.", failures=LIST_FAILURES
        ),
        openapi_extra=query_parameters(ACTIVITY_PARAMETERS, TWINS),
    )
    async def list_activities(request: Request) -> Response:
        """List activities, the steps of tasks, newest first unless `sort` says otherwise.

        Filters, walks and failures are those of tasks; `task` and `parent` find the steps of one
        task or below one step.
        """
        caller = request.state.caller
        twins, asked = read_list(request)
        return await renderer.answer(
            request, lambda how: service.list(asked, caller, how), twins=twins
        )

    @routes.get(
        "/activities/{id}",
        response_class=Response,
        responses=document.answers(
            Activity, description="The activity.", failures=item_failures(ActivityNotFoundError)
        ),
        openapi_extra=query_parameters(ACTIVITY_ITEM_PARAMETERS, TWINS),
    )
    async def get_activity(
        id: ActivityId,  # noqa: A002  # the path's word
        request: Request,
    ) -> Response:
        """Return one activity by its id, its bare upstream id, or its UUID.

        An activity may have the id of its task: the two are never mistaken for each other.
        """
        caller = request.state.caller
        twins, shape = read_shape(request)
        return await renderer.answer(
            request, lambda how: service.get(id, shape, caller, how), twins=twins
        )

    return routes
