"""Rules of one attempt on the wire."""

from collections.abc import AsyncIterator

import httpx
import pytest
from typing_extensions import override

from app.errors import UpstreamInvalidResponseError
from app.platform.attempt import Attempts, extensions, outcome_of
from app.platform.events import Event, UpstreamCalled
from tests.support.platform import FakeTime
from tests.support.upstream import CutStream

REQUEST = httpx.Request("GET", "https://platform/", extensions=extensions("task", deadline=9))


async def attempt(answer: httpx.Response | Exception, told: list[Event]) -> httpx.Response:
    """Make one attempt that takes two seconds."""
    time = FakeTime()

    async def wire(_: httpx.Request) -> httpx.Response:
        await time.sleep(2)
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = Attempts(
        httpx.MockTransport(wire),
        account="eu2",
        body_max_bytes=64,
        monotonic=time.monotonic,
        listen=told.append,
    )
    async with transport:
        return await transport.handle_async_request(REQUEST)


async def test_told() -> None:
    """Each attempt is told once, with its class and its seconds."""
    told: list[Event] = []
    await attempt(httpx.Response(200, content=b"{}"), told)

    assert told == [UpstreamCalled("eu2", "task", "2xx", 2.0)]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        pytest.param(200, b' {"items": []}\n', "2xx", id="object"),
        pytest.param(200, b"", "invalid", id="empty"),
        pytest.param(200, b"<html></html>", "invalid", id="HTML"),
        pytest.param(200, b'{"items": [', "invalid", id="cut"),
        pytest.param(302, b"", "3xx", id="redirect"),
        pytest.param(304, b"", "3xx", id="not modified"),
        pytest.param(404, b"", "4xx", id="refusal"),
        pytest.param(429, b"", "429", id="throttled"),
        pytest.param(503, b"", "5xx", id="failure"),
    ],
)
def test_outcomes(status: int, body: bytes, outcome: str) -> None:
    """An answer's class is its status, and a success that is no JSON object is invalid."""
    assert outcome_of(httpx.Response(status, content=body)) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ReadTimeout(""), "timeout"),
        (httpx.PoolTimeout(""), "timeout"),
        (httpx.ConnectError(""), "unreachable"),
        (httpx.RemoteProtocolError(""), "unreachable"),
    ],
    ids=lambda value: getattr(type(value), "__name__", None),
)
async def test_no_answer(error: Exception, outcome: str) -> None:
    """Exceptions of httpx before an answer pass as they are, and are told."""
    told: list[Event] = []
    with pytest.raises(type(error)):
        await attempt(error, told)

    assert told == [UpstreamCalled("eu2", "task", outcome, 2.0)]  # type: ignore[arg-type]


class SilentStream(httpx.AsyncByteStream):
    """A body that begins and never goes on."""

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise httpx.ReadTimeout("")


@pytest.mark.parametrize("status", [401, 429, 503])
@pytest.mark.parametrize(
    ("headers", "stream"),
    [
        pytest.param({}, CutStream(b"{"), id="connection lost"),
        pytest.param({}, SilentStream(), id="silent"),
        pytest.param({"Content-Encoding": "br"}, httpx.ByteStream(b"x"), id="another coding"),
        pytest.param({}, httpx.ByteStream(b"x" * 65), id="too long"),
    ],
)
async def test_half_a_refusal(
    status: int, headers: dict[str, str], stream: httpx.AsyncByteStream
) -> None:
    """A refusal whose body can't be read is one without a body: status and headers go on."""
    answer = httpx.Response(status, headers=headers | {"Retry-After": "60"}, stream=stream)
    response = await attempt(answer, [])

    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["Retry-After"] == "60"
    assert answer.is_closed


async def test_silence_within_an_answer() -> None:
    """A success that falls silent is a time-out."""
    told: list[Event] = []
    with pytest.raises(httpx.ReadTimeout):
        await attempt(httpx.Response(200, stream=SilentStream()), told)

    assert told == [UpstreamCalled("eu2", "task", "timeout", 2.0)]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx.Response(200, stream=CutStream(b'{"items"')), id="connection lost"),
        pytest.param(
            httpx.Response(
                200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")
            ),
            id="not gzip",
        ),
    ],
)
async def test_half_an_answer(response: httpx.Response) -> None:
    """A body that can't be read to its end is an unreadable answer, and its stream is closed."""
    told: list[Event] = []
    with pytest.raises(UpstreamInvalidResponseError) as caught:
        await attempt(response, told)

    assert caught.value.account == "eu2"
    assert told == [UpstreamCalled("eu2", "task", "invalid", 2.0)]
    assert response.is_closed
