"""An answer's body, read as it comes and never beyond its bound."""

import zlib

import httpx

_GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_WBITS = zlib.MAX_WBITS | 16
_PLAIN = frozenset({"", "identity"})
# Pages of a thousand tasks shrink to a twentieth. What shrinks a hundredfold says nothing, and
# may cost in the reading what it saved on the way; small answers may.
_RATIO_MAX = 100
_RATIO_FROM = 1_048_576


class BodyError(Exception):
    """The body is no body of ours to read; the text is a sentence for callers."""


async def read_body(response: httpx.Response, *, bytes_max: int) -> bytes:
    """Return the whole body, decompressed; the bound holds on the wire and after decompression.

    httpx would inflate a chunk whole before anyone could look at its size: 64 KiB of gzip hold
    64 MiB, and codings may be stacked. Here no more than the bound is ever inflated, nor beyond a
    mebibyte more than a hundred times what came, and only what was asked for (gzip, once) is.

    Raises:
        BodyError: over a bound, in another coding, damaged, or ended early.
        httpx.TransportError: the connection failed.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in _PLAIN | _GZIP:
        raise BodyError("The platform's answer is in a coding that was not asked for.")
    inflater = _Inflater() if coding in _GZIP else None
    parts: list[bytes] = []
    received = size = 0
    async for chunk in _wire(response):
        received += len(chunk)
        inflated_max = min(bytes_max, max(_RATIO_FROM, _RATIO_MAX * received))
        part = chunk if inflater is None else inflater.inflate(chunk, inflated_max - size + 1)
        size += len(part)
        if received > bytes_max or size > inflated_max:
            raise BodyError("The platform's answer is larger than this service reads.")
        parts.append(part)
    if inflater is not None and received and not inflater.whole:
        raise BodyError("The platform's answer was cut short.")
    return b"".join(parts)


def _wire(response: httpx.Response) -> httpx.AsyncByteStream:
    # Not `aiter_raw`: it refuses an answer that a transport made of bytes at hand.
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async transport's
    return response.stream


class _Inflater:
    """Decompresses gzip, which is one member or several in a row (RFC 1952 section 2.2)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=_GZIP_WBITS)

    @property
    def whole(self) -> bool:
        """Whether a member has just ended."""
        return self._member.eof

    def inflate(self, chunk: bytes, length_max: int) -> bytes:
        """Return what the next piece holds, cut off at `length_max`, which is at least 1."""
        parts: list[bytes] = []
        try:
            while chunk and length_max > 0:
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
                parts.append(self._member.decompress(chunk, length_max))
                length_max -= len(parts[-1])
                chunk = self._member.unused_data
        except zlib.error as error:
            raise BodyError("The platform's answer could not be decompressed.") from error
        return b"".join(parts)
