"""One attempt on the wire: read to its end, timed, and told to whoever listens."""

import asyncio
from collections.abc import Callable
from typing import Final

import httpx
from typing_extensions import override

from app.errors import UpstreamInvalidResponseError
from app.platform.body import BodyError, read_body
from app.platform.events import Endpoint, Listen, Outcome, UpstreamCalled
from app.platform.failures import SILENT

# A cancellation this near to the deadline is taken for the deadline's own: its timer and the clock
# are read at slightly different times.
DEADLINE_SLACK_S: Final = 0.05
# They told of the body as it was on the wire; what goes on is plain and whole.
_WIRE_HEADERS: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


def extensions(
    endpoint: Endpoint, *, deadline: float, read: Callable[[bytes], object] | None = None
) -> dict[str, object]:
    """Return what our transports need to know of a request; httpx hands it through to them.

    `deadline` is a time on the monotonic clock. What `read` makes of a success's body is the
    response's extension `read`.
    """
    return {"endpoint": endpoint, "deadline": deadline, "read": read}


class Attempts(httpx.AsyncBaseTransport):
    """The innermost transport of ours: answers come out of it whole or not at all.

    Bodies are read here, not in the client, so that a connection is free again before anything
    waits, and so that `Retrying` outside can tell "no answer" (an httpx error) from "half an
    answer" (ours, never retried). What they say is read here too, where nonsense still is a failure
    of the platform for all who count them. A refusal says what it has to say by its status and its
    headers: where its body can't be read, it goes on without one.

    Raises:
        UpstreamInvalidResponseError: a success whose body ended early, could not be decompressed,
            is longer than `body_max_bytes`, or is nothing that the request's `read` understands.
        httpx.TransportError: no answer came.
    """

    def __init__(
        self,
        wire: httpx.AsyncBaseTransport,
        *,
        account: str,
        body_max_bytes: int,
        monotonic: Callable[[], float],
        listen: Listen,
    ) -> None:
        self._wire = wire
        self._account = account
        self._body_max_bytes = body_max_bytes
        self._monotonic = monotonic
        self._listen = listen

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        begun = self._monotonic()
        try:
            response = await self._read(await self._wire.handle_async_request(request))
            read: Callable[[bytes], object] | None = request.extensions.get("read")
            if read is not None and response.is_success:
                response.extensions["read"] = read(response.content)
        except SILENT:
            self._tell(request, "timeout", begun)
            raise
        except httpx.TransportError:
            self._tell(request, "unreachable", begun)
            raise
        except UpstreamInvalidResponseError:
            self._tell(request, "invalid", begun)
            raise
        except asyncio.CancelledError:
            if self._monotonic() >= request.extensions["deadline"] - DEADLINE_SLACK_S:
                self._tell(request, "timeout", begun)
            raise
        self._tell(request, outcome_of(response), begun)
        return response

    async def _read(self, response: httpx.Response) -> httpx.Response:
        try:
            body = await self._body(response)
        except (UpstreamInvalidResponseError, *SILENT):
            if response.is_success:
                raise
            body = b""
        finally:
            await response.aclose()
        told = [field for field in response.headers.raw if field[0].lower() not in _WIRE_HEADERS]
        return httpx.Response(
            response.status_code,
            headers=told,
            content=body,
            extensions=response.extensions,
        )

    async def _body(self, response: httpx.Response) -> bytes:
        try:
            return await read_body(response, bytes_max=self._body_max_bytes)
        except BodyError as error:
            raise UpstreamInvalidResponseError(str(error), account=self._account) from error
        except (httpx.NetworkError, httpx.ProtocolError) as error:
            raise UpstreamInvalidResponseError(
                "The platform's answer was cut short.", account=self._account
            ) from error

    def _tell(self, request: httpx.Request, outcome: Outcome, begun: float) -> None:
        endpoint = request.extensions["endpoint"]
        seconds = self._monotonic() - begun
        self._listen(UpstreamCalled(self._account, endpoint, outcome, seconds))

    @override
    async def aclose(self) -> None:
        await self._wire.aclose()


def outcome_of(response: httpx.Response) -> Outcome:
    """Class an answer that was read; a success that is no JSON object by its ends is invalid."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "429"
    if response.is_success:
        body = response.content
        # Only the ends are looked at: enough for HTML, an empty body and one cut short, and
        # nothing beside the real decoding, which comes later.
        whole = body[:64].lstrip()[:1] == b"{" and body[-64:].rstrip()[-1:] == b"}"
        return "2xx" if whole else "invalid"
    if response.is_redirect or status < httpx.codes.BAD_REQUEST:
        return "3xx"
    return "4xx" if status < httpx.codes.INTERNAL_SERVER_ERROR else "5xx"
