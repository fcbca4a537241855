"""What one request alone is called: its id and its trace."""

import secrets
import string
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, TypeAlias

Names: TypeAlias = tuple[bytes, bytes]
"""A request's id and its `traceparent`."""

BLANKS: Final = b" \t"
"""Around a field's value and no part of it (RFC 9110 5.5); the parser leaves those behind it."""

_SANE: Final = (string.ascii_letters + string.digits + "._-").encode()
_ID_BYTES_MAX: Final = 128
_DRAWN: Final = 256  # names
_NAMES: Final = Struct("16s32s16s")  # an id, a trace's id and its span's, in hexadecimal digits


def is_sane(sent: bytes) -> bool:
    """Say whether what was sent can be the id of a request."""
    # What is left without the sane ones, for it takes a third of what a regular expression takes.
    return 0 < len(sent) <= _ID_BYTES_MAX and not sent.translate(None, _SANE)


def fresh_names() -> Callable[[], Names]:
    """Return what names requests: 64 random bits, and the beginning of a trace; see `trace`.

    Many are drawn at once: one draw of the system's randomness costs as much as all else that a
    kept answer needs.
    """

    def draw() -> Iterator[Names]:
        while True:
            digits = secrets.token_hex(32 * _DRAWN).encode()
            for request_id, trace_id, span in _NAMES.iter_unpack(digits):
                yield request_id, b"00-%b-%b-00" % (trace_id, span)

    return draw().__next__
