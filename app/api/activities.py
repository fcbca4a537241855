"""`/v1/activities` and `/v1/activities/{id}`: parse, one call of the service, render."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from app.api import document
from app.api.document import OUTAGES
from app.api.freshness import Renderer
from app.api.listing import answered
from app.domain.activity import Activity
from app.domain.parameters import ACTIVITY_ITEM_PARAMETERS, ACTIVITY_PARAMETERS
from app.domain.parsing import parse, parse_shape
from app.errors import (
    AccountNotFoundError,
    ActivityNotFoundError,
    AmbiguousIdError,
    InvalidValueError,
    UnknownParameterError,
)
from app.service.encode import ActivityList
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
    routes = APIRouter(prefix="/v1", tags=["activities"])

    @routes.get(
        "/activities",
        response_class=Response,
        responses=document.answers(
            ActivityList,
            description="One page of activities.",
            failures=[*document.REFUSALS, AccountNotFoundError, AmbiguousIdError, *OUTAGES],
        ),
        openapi_extra={"parameters": document.parameters(ACTIVITY_PARAMETERS)},
    )
    async def list_activities(request: Request) -> Response:
        """List activities, the steps of tasks, newest first unless `sort` says otherwise.

        Filters, walks and failures are those of tasks; `task` and `parent` find the steps of one
        task or below one step.
        """
        asked = parse(request.query_params.multi_items(), ACTIVITY_PARAMETERS)
        return await answered(service.list(asked), request, renderer)

    @routes.get(
        "/activities/{id}",
        response_class=Response,
        responses=document.answers(
            Activity,
            description="The activity.",
            failures=[
                UnknownParameterError,
                InvalidValueError,
                ActivityNotFoundError,
                AmbiguousIdError,
                *OUTAGES,
            ],
        ),
        openapi_extra={"parameters": document.parameters(ACTIVITY_ITEM_PARAMETERS)},
    )
    async def get_activity(
        id: ActivityId,  # noqa: A002  # the path's word
        request: Request,
    ) -> Response:
        """Return one activity by its id, its bare upstream id, or its UUID.

        An activity may have the id of its task: the two are never mistaken for each other.
        """
        shape = parse_shape(request.query_params.multi_items(), ACTIVITY_ITEM_PARAMETERS)
        return await answered(service.get(id, shape), request, renderer)

    return routes
