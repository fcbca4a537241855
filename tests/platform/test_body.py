"""Rules of reading a body."""

import gzip
import zlib
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from typing_extensions import override

from app.platform.body import BodyError, read_body

TEXT = b'{"items": []}'
MEMBERS = b"".join(gzip.compress(part) for part in (TEXT[:5], TEXT[5:]))


class Chunks(httpx.AsyncByteStream):
    """A body in pieces; counts those that were taken."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = chunks
        self.taken = 0

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


def answer(*chunks: bytes, coding: str = "") -> httpx.Response:
    """Return an answer whose body comes in these pieces."""
    headers = {"Content-Encoding": coding} if coding else {}
    return httpx.Response(200, headers=headers, stream=Chunks(chunks))


def bytewise(body: bytes) -> list[bytes]:
    """Cut a body into single bytes."""
    return [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer(TEXT), id="plain"),
        pytest.param(answer(*bytewise(TEXT), coding="identity"), id="pieces"),
        pytest.param(answer(gzip.compress(TEXT), coding="GZip"), id="gzip"),
        pytest.param(answer(*bytewise(gzip.compress(TEXT)), coding="x-gzip"), id="gzip in pieces"),
        pytest.param(answer(MEMBERS, coding="gzip"), id="members"),
        pytest.param(answer(*bytewise(MEMBERS), coding="gzip"), id="members in pieces"),
    ],
)
async def test_whole(response: httpx.Response) -> None:
    """A body is read whole, plain or in the coding that was asked for."""
    assert await read_body(response, bytes_max=64) == TEXT


async def test_empty() -> None:
    """A refusal without a body may carry the header all the same."""
    assert await read_body(answer(coding="gzip"), bytes_max=64) == b""


@pytest.mark.parametrize(
    ("response", "said"),
    [
        pytest.param(answer(TEXT[:5], coding="br"), "coding", id="another coding"),
        pytest.param(answer(TEXT, coding="gzip, gzip"), "coding", id="stacked"),
        pytest.param(answer(TEXT, coding="gzip"), "decompressed", id="no gzip"),
        pytest.param(answer(gzip.compress(TEXT)[:-1], coding="gzip"), "cut", id="cut"),
        pytest.param(answer(zlib.compress(TEXT), coding="gzip"), "decompressed", id="zlib"),
        pytest.param(answer(b"x" * 65), "larger", id="too long"),
        pytest.param(
            answer(gzip.compress(b"x" * 65), coding="gzip"), "larger", id="too long inside"
        ),
        pytest.param(
            answer(gzip.compress(TEXT), b"x" * 65, coding="gzip"), "larger|decompressed", id="rest"
        ),
        pytest.param(answer(MEMBERS[:-1], coding="gzip"), "cut", id="cut in a later member"),
        pytest.param(
            answer(gzip.compress(b"x" * 9) * 8, coding="gzip"), "larger", id="members too long"
        ),
    ],
)
async def test_refused(response: httpx.Response, said: str) -> None:
    """What can't be read, or not within the bound, is refused in words."""
    with pytest.raises(BodyError, match=said):
        await read_body(response, bytes_max=64)


async def test_bound() -> None:
    """A body of exactly the bound is read."""
    assert len(await read_body(answer(b"x" * 64), bytes_max=64)) == 64


async def test_bomb() -> None:
    """A bomb is given up at the first piece over the bound; what follows is not taken."""
    bomb = gzip.compress(bytes(2_000_000))
    stream = Chunks([bomb[:1000], *bytewise(bomb[1000:])])
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)
    with pytest.raises(BodyError):
        await read_body(response, bytes_max=4096)

    assert stream.taken == 1


async def test_inflation() -> None:
    """What inflates more than a hundredfold is refused beyond a mebibyte, within the bound too."""
    bomb = gzip.compress(bytes(8_000_000))
    with pytest.raises(BodyError, match="larger"):
        await read_body(answer(bomb, coding="gzip"), bytes_max=67_108_864)
    small = gzip.compress(bytes(1_048_576))

    assert len(await read_body(answer(small, coding="gzip"), bytes_max=67_108_864)) == 1_048_576
