"""What the platform says about its load is done: quiet when it asks for quiet."""

from collections.abc import Callable

import httpx
from typing_extensions import override

from app.errors import UpstreamThrottledError, UpstreamUnavailableError
from app.platform.events import part_of
from app.platform.failures import RETRY_AFTER_S
from app.platform.gate import Gate
from app.platform.refusals import retry_after_s


class Obedience(httpx.AsyncBaseTransport):
    """Closes the gate when the platform asks for quiet, and makes no attempt while it is closed.

    It stands inside `Retrying`, so that a retry under way obeys what another call was told.
    429, and 503 with a `Retry-After`, ask for quiet (P§13). The token endpoint is a
    service of its own: it neither closes the gate nor is held by it.
    """

    def __init__(
        self, inner: httpx.AsyncBaseTransport, *, gate: Gate, clock: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._gate = gate
        self._clock = clock

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if part_of(request.extensions["endpoint"]) == "token":
            return await self._inner.handle_async_request(request)
        self._gate.check()
        response = await self._inner.handle_async_request(request)
        wait_s = retry_after_s(response, self._clock())
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._gate.close(RETRY_AFTER_S if wait_s is None else wait_s, UpstreamThrottledError)
        elif response.status_code == httpx.codes.SERVICE_UNAVAILABLE and wait_s is not None:
            self._gate.close(wait_s, UpstreamUnavailableError)
        elif response.is_success:
            self._gate.bore()
        return response

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()
