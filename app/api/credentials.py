"""What a caller presents to say who it is: a key or a token, in either of two headers."""

from collections.abc import Iterable
from typing import TypeAlias

from typing_extensions import override

from app.errors import UnauthenticatedError

CREDENTIAL_BYTES_MAX = 8192

CARRIERS = frozenset({b"authorization", b"x-api-key"})
"""The headers that bear a credential; nothing else tells who is calling."""

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


class Credential:
    """What a caller presented. No log line, error or traceback can show it: it has no words."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value

    @override
    def __repr__(self) -> str:
        return "Credential(…)"


def presented(headers: Headers) -> Credential:
    """Return the one credential in `headers` (names in lower case).

    Raises:
        UnauthenticatedError: there is none, there are several, or it is no `Bearer`.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            if value[:7].lower() != b"bearer ":
                raise UnauthenticatedError("Send `Authorization: Bearer <key>`.", refused=True)
            sent = value[7:].strip()
        elif name == b"x-api-key":
            sent = value.strip()
        else:
            continue
        if found is not None and found != sent:
            raise UnauthenticatedError("Two different credentials were sent.", refused=True)
        found = sent
    if found is None:
        raise UnauthenticatedError(
            "Send your key as `Authorization: Bearer <key>` or `X-API-Key: <key>`.", refused=False
        )
    if not 0 < len(found) <= CREDENTIAL_BYTES_MAX:
        raise UnauthenticatedError("The key is empty or too long.", refused=True)
    return Credential(found)
