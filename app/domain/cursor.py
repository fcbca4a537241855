"""The cursor of a walk: the query and the place reached, signed, opaque to callers.

It needs no state, so any replica with the same secret can continue a walk (design decision 2). The
place may be that of an item that its reader may not see, so it is sealed too: AES-SIV (RFC 5297),
which makes equal bytes of equal pages and needs no nonce.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.domain.query import ActivityQuery, TaskQuery
from app.errors import CursorMalformedError, CursorMismatchError, ParameterFault

CURSOR_LENGTH_MAX = 8192 - 256  # the path and what may stand beside it take the rest of a target
_VERSION = b"2"  # raised when a field of TaskQuery changes its meaning
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[TaskQuery] = msgspec.json.Decoder(TaskQuery | ActivityQuery)


class CursorCodec:
    """Writes and reads cursors: base64url without padding (RFC 4648 section 5), signed.

    `secret` is called for each cursor: when it changes, the cursors made before are malformed.
    """

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret

    def write(self, query: TaskQuery) -> str:
        """Return the cursor of the page that `query` asks for."""
        # Packed, so that the next page of 200 ids fits in a target of 8 KiB too.
        payload = _VERSION + zlib.compress(_encoder.encode(query))
        return base64.urlsafe_b64encode(self._box().encrypt(payload, None)).rstrip(b"=").decode()

    def read(self, text: str, kind: type[TaskQuery] = TaskQuery) -> TaskQuery:
        """Return the query of a cursor; it is a `kind`.

        Raises:
            CursorMalformedError: it was not made here with this secret, or was changed.
            CursorMismatchError: it belongs to another list.
        """
        query = self._read(text)
        if type(query) is not kind:
            raise CursorMismatchError(
                "The cursor belongs to another list; use it where it was given.",
                faults=[ParameterFault("cursor", "was made for another list")],
            )
        return query

    def _read(self, text: str) -> TaskQuery:
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            payload = self._box().decrypt(sealed, None)
        except (binascii.Error, ValueError, InvalidTag):
            raise _malformed() from None
        # The round trip refuses a second spelling: unused bits of the last character, padding.
        spelt_so = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == text
        if payload[:1] != _VERSION or not spelt_so:
            raise _malformed()
        try:
            return _decoder.decode(zlib.decompress(payload[1:]))
        except (zlib.error, msgspec.DecodeError):
            # Rightly sealed, by a newer release whose queries say more than is known here.
            raise _malformed() from None

    def _box(self) -> AESSIV:
        return AESSIV(hashlib.sha512(b"taskgate cursor" + self._secret()).digest())


def _malformed() -> CursorMalformedError:
    return CursorMalformedError(
        "The cursor was not made by this service, or was changed; start again without it."
    )
