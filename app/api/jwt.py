"""Bearer tokens of one OIDC issuer → the name of the consumer they stand for."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from app.api.credentials import CREDENTIAL_BYTES_MAX
from app.api.issuer_keys import Fetch, IssuerKeys, Key
from app.errors import UnauthenticatedError
from app.settings import OidcSettings

LEEWAY_S = 30
# What reading the words of a stranger may raise: their types are his choice, too.
_HOSTILE = (
    JoseError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)


# What an access token calls itself (RFC 9068 2.1, RFC 8725 3.11); others, such as an id token's
# logout, are signed by the same keys.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


class _Header(msgspec.Struct):
    alg: str
    kid: str
    typ: str = "JWT"
    crit: Annotated[list[str], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET


class _Registry(jws.JWSRegistry):
    # Issuers put certificates into it (RFC 7515 4.1.6); the credential as a whole is bounded.
    max_header_length = CREDENTIAL_BYTES_MAX


class TokenVerifier:
    """Verifies tokens: signature, `iss`, `aud`, `exp`, `nbf`, and RS256 or ES256 alone.

    The algorithm is that of the issuer's key, never the token's choice; `typ`, where there is one,
    is `JWT` or `at+jwt`. `fetch`, `fetched` and `monotonic` are for the keys; `clock` is Unix time
    in seconds.
    """

    def __init__(
        self,
        oidc: OidcSettings,
        *,
        fetch: Fetch,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        fetched: Callable[[bool], None] = lambda _: None,
        remembered_max: int = 4096,
    ) -> None:
        self._oidc = oidc
        self._clock = clock
        self._remembered: dict[bytes, tuple[float, str]] = {}
        # What a key that is gone has signed is not believed any more.
        self._keys = IssuerKeys(
            oidc.issuer,
            fetch=fetch,
            monotonic=monotonic,
            fetched=fetched,
            changed=self._remembered.clear,
        )
        self._remembered_max = remembered_max

    def recall(self, token: bytes) -> str | None:
        """Return the name that a token was verified to have, as long as it is valid."""
        self._keys.renew()
        expires_at, name = self._remembered.get(token, (0.0, ""))
        return name if self._clock() < expires_at else None

    async def verify(self, token: bytes) -> str:
        """Return the name of the consumer, in lower case; a name beyond ASCII is nobody's.

        Raises:
            UnauthenticatedError: the token is not valid, or it names nobody.
            UpstreamUnavailableError: the issuer's keys could not be had yet.
        """
        header = _header(token)
        found = await self._keys.find(header.kid)
        if found is None or found[0] != header.alg:
            raise _invalid("no key of the issuer has signed it")
        claims, expires_at = self._claims(token, found)
        name = claims.get(self._oidc.consumer_claim)
        # Lower case folds other letters, such as the Kelvin sign, into those of a consumer.
        if not isinstance(name, str) or not name or not name.isascii():
            raise _invalid("it names no consumer")
        self._remember(token, expires_at, name.lower())
        return name.lower()

    def _claims(self, token: bytes, found: Key) -> tuple[dict[str, Any], float]:
        """Return what the token claims, and when it expires in Unix time."""
        algorithm, key = found
        # Issuers put header fields of their own beside those that the standard knows.
        registry = _Registry(algorithms=[algorithm], strict_check_header=False)
        rules = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._oidc.issuer},
            aud={"essential": True, "value": self._oidc.audience},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(token, key, registry=registry).claims
            rules.validate(claims)
            return claims, float(claims["exp"])
        except _HOSTILE as exc:
            raise _invalid(f"it was refused ({type(exc).__name__})") from None

    def _remember(self, token: bytes, expires_at: float, name: str) -> None:
        if len(self._remembered) >= self._remembered_max:
            self._remembered.clear()
        self._remembered[token] = (expires_at, name)


def _header(token: bytes) -> _Header:
    head = token.split(b".", 1)[0]
    try:
        header = msgspec.json.decode(
            base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)), type=_Header
        )
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("its header can't be read, or it has no `kid`") from None
    if header.typ.lower() not in _TYPES:
        raise _invalid("its `typ` is none of an access token")
    return header


def _invalid(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"The token is not valid: {why}.", refused=True)
