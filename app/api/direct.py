"""Routes that are asked for a request alone: nothing is worked out before their endpoint."""

from collections.abc import Callable, Coroutine
from inspect import signature
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from typing_extensions import override


class DirectRoute(APIRoute):
    """Calls an endpoint that takes the request, and no more, as it is.

    FastAPI would look for parameters and dependencies of it in every request; what such an endpoint
    is documented to take, it reads by itself.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        told = self.dependant
        if [*signature(self.endpoint).parameters] != [told.request_param_name] or told.dependencies:
            return super().get_route_handler()
        handle: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handle
