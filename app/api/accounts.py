"""`/v1/accounts`: what is configured and how it fares; asks the platform nothing."""

import msgspec
from fastapi import APIRouter, Request, Response

from app.api import document
from app.domain.parsing import refuse_all
from app.errors import UnknownParameterError
from app.service.accounts import AccountBook, AccountList


def router(book: AccountBook) -> APIRouter:
    """Serve the accounts of `book`."""
    routes = APIRouter(prefix="/v1", tags=["accounts"])

    @routes.get(
        "/accounts",
        response_class=Response,
        responses=document.answers(
            AccountList,
            description="The accounts that you may see.",
            failures=[UnknownParameterError],
            kept=False,
        ),
    )
    async def list_accounts(request: Request) -> Response:
        """List the accounts that you may see, with how each fared when it was last asked.

        Calls nothing upstream, so `status` is `unknown` until somebody asked for tasks.
        """
        refuse_all(request.query_params.multi_items())
        return Response(
            msgspec.json.encode(book.list(request.state.caller.scope)),
            headers={"Cache-Control": "no-store"},
            media_type="application/json",
        )

    return routes
