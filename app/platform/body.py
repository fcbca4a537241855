"""An answer's body, read as it comes and never beyond its bound."""

import zlib

import httpx

_GZIP = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity"})


class BodyError(Exception):
    """The body is no body of ours to read; the text is a sentence for callers."""


async def read_body(response: httpx.Response, *, bytes_max: int) -> bytes:
    """Return the whole body, decompressed; the bound holds on the wire and after decompression.

    httpx would inflate a chunk whole before anyone could look at its size: 64 KiB of gzip hold
    64 MiB, and codings may be stacked. Here no more than the bound is ever inflated, and only
    what was asked for (gzip, once) is.

    Raises:
        BodyError: over the bound, in another coding, damaged, or ended early.
        httpx.TransportError: the connection failed.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _PLAIN | _GZIP:
        raise BodyError("The platform's answer is in a coding that was not asked for.")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if coding in _GZIP else None
    parts: list[bytes] = []
    received = size = 0
    async for chunk in _wire(response):
        received += len(chunk)
        part = chunk if inflater is None else _inflate(inflater, chunk, bytes_max - size + 1)
        size += len(part)
        if received > bytes_max or size > bytes_max:
            raise BodyError("The platform's answer is larger than this service reads.")
        parts.append(part)
    if inflater is not None and received and not inflater.eof:
        raise BodyError("The platform's answer was cut short.")
    return b"".join(parts)


def _wire(response: httpx.Response) -> httpx.AsyncByteStream:
    # Not `aiter_raw`: it refuses an answer that a transport made of bytes at hand.
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async transport's
    return response.stream


def _inflate(inflater: "zlib._Decompress", chunk: bytes, length_max: int) -> bytes:
    try:
        return inflater.decompress(chunk, length_max)
    except zlib.error as error:
        raise BodyError("The platform's answer could not be decompressed.") from error
