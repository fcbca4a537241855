"""The trace that a request belongs to, after W3C Trace Context."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import AnyStr

from app.api.names import BLANKS

_SENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_USUAL = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED = 0x01  # the one flag that every version has


def trace(sent: bytes, draw: Callable[[int], str] = secrets.token_hex) -> str:
    """Return the `traceparent` of a request, which its answer carries: what was `sent`, if valid.

    We record no spans, so the caller's stay the last ones, as the standard lets those do who only
    pass a trace on (section 4.3). Of a later version the known parts count; nothing or nonsense
    begins a trace that is not sampled. `draw` returns so many random bytes in hexadecimal.
    """
    if is_usual(sent):
        return sent.decode("ascii")
    match = _SENT.fullmatch(sent)
    if match is None or match[1] == b"00":
        digits = draw(24)
        return f"00-{digits[:32]}-{digits[32:]}-00"
    flags = int(match[4], 16) & _SAMPLED
    return f"00-{match[2].decode()}-{match[3].decode()}-{flags:02x}"


def is_usual(sent: bytes) -> bool:
    """Say whether what was sent is valid as nearly all are: `trace` returns the same."""
    return _USUAL.fullmatch(sent) is not None


def lone(sent: Sequence[bytes]) -> bytes:
    """Return the `traceparent` that was sent; several are none, and so begin a new trace."""
    return sent[0].strip(BLANKS) if len(sent) == 1 else b""


def trace_id(traceparent: AnyStr) -> AnyStr:
    """Return the part that all requests of one trace share; for the log."""
    return traceparent[3:35]
