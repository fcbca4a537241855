"""The cursor of a walk: the query and the place reached, signed, opaque to callers.

It needs no state, so any replica with the same secret can continue a walk (design decision 2).
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable

import msgspec

from app.domain.query import ActivityQuery, TaskQuery
from app.errors import CursorMalformedError, CursorMismatchError, ParameterFault

_VERSION = b"1"  # raised when a field of TaskQuery changes its meaning
_MAC_BYTES = 16  # 128 bits of HMAC-SHA-256, RFC 2104 section 5
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
        return base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode()

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
            signed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _malformed() from None
        mac, payload = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        # The round trip refuses a second spelling: unused bits of the last character, padding.
        if not hmac.compare_digest(mac, self._mac(payload)) or payload[:1] != _VERSION:
            raise _malformed()
        if base64.urlsafe_b64encode(signed).rstrip(b"=").decode() != text:
            raise _malformed()
        try:
            return _decoder.decode(zlib.decompress(payload[1:]))
        except (zlib.error, msgspec.DecodeError):
            # Rightly signed, by a newer release whose queries say more than is known here.
            raise _malformed() from None

    def _mac(self, payload: bytes) -> bytes:
        key = hashlib.sha256(b"taskgate cursor" + self._secret()).digest()
        return hmac.new(key, payload, hashlib.sha256).digest()[:_MAC_BYTES]


def _malformed() -> CursorMalformedError:
    return CursorMalformedError(
        "The cursor was not made by this service, or was changed; start again without it."
    )
