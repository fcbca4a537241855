"""Bearer tokens of one OIDC issuer → the name of the consumer they stand for."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.errors import UnauthenticatedError, UpstreamUnavailableError
from app.settings import OidcSettings

LEEWAY_S = 30
REFRESH_EVERY_S = 60.0
RETRY_EVERY_S = 5.0  # while there is no key at all
_RSA_DIGITS_MIN = 342  # base64url digits of 2048 bits
_WELL_KNOWN = "/.well-known/openid-configuration"
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
_log = structlog.get_logger()

Fetch = Callable[[str], Awaitable[bytes]]


class _Header(msgspec.Struct):
    alg: str
    kid: str


class _Issuer(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class FetchError(Exception):
    """A document of the issuer can't be had; the text holds no secret."""


class TokenVerifier:
    """Verifies tokens: signature, `iss`, `aud`, `exp`, `nbf`, and RS256 or ES256 alone.

    The algorithm is that of the issuer's key, never the token's choice. Keys are fetched with the
    first token and again for an unknown `kid`, at most once in `REFRESH_EVERY_S`; while the issuer
    is away the keys that are known stay. `fetch` gets a URL and returns the document, or raises
    `FetchError`; `clock` is Unix time, `monotonic` never goes back, both in seconds.
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
        self._fetch = fetch
        self._clock = clock
        self._monotonic = monotonic
        self._fetched = fetched
        self._keys: Mapping[str, tuple[str, RSAKey | ECKey]] = {}
        self._refreshing = asyncio.Lock()
        self._next_fetch_s = float("-inf")
        self._remembered: dict[bytes, tuple[float, str]] = {}
        self._remembered_max = remembered_max

    def recall(self, token: bytes) -> str | None:
        """Return the name that a token was verified to have, as long as it is valid."""
        expires_at, name = self._remembered.get(token, (0.0, ""))
        return name if self._clock() < expires_at else None

    async def verify(self, token: bytes) -> str:
        """Return the name of the consumer, in lower case; a name beyond ASCII is nobody's.

        Raises:
            UnauthenticatedError: the token is not valid, or it names nobody.
            UpstreamUnavailableError: the issuer's keys could not be had yet.
        """
        header = _header(token)
        found = self._keys.get(header.kid)
        if found is None:
            await self._refresh(header.kid)
            found = self._keys.get(header.kid)
        if found is None or found[0] != header.alg:
            raise _invalid("no key of the issuer has signed it")
        claims, expires_at = self._claims(token, found)
        name = claims.get(self._oidc.consumer_claim)
        # Lower case folds other letters, such as the Kelvin sign, into those of a consumer.
        if not isinstance(name, str) or not name or not name.isascii():
            raise _invalid("it names no consumer")
        self._remember(token, expires_at, name.lower())
        return name.lower()

    def _claims(
        self, token: bytes, found: tuple[str, RSAKey | ECKey]
    ) -> tuple[dict[str, Any], float]:
        """Return what the token claims, and when it expires in Unix time."""
        algorithm, key = found
        # Issuers put header fields of their own beside those that the standard knows.
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
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

    async def _refresh(self, kid: str) -> None:
        async with self._refreshing:
            now_s = self._monotonic()
            if kid in self._keys or now_s < self._next_fetch_s:
                if not self._keys:
                    raise _unavailable()
                return
            self._next_fetch_s = now_s + (REFRESH_EVERY_S if self._keys else RETRY_EVERY_S)
            try:
                keys = await self._fetch_keys()
            except (FetchError, msgspec.DecodeError) as exc:
                self._fetched(False)
                _log.warning("issuer_keys_missed", reason=type(exc).__name__)
                if not self._keys:
                    raise _unavailable() from exc
                return
            self._fetched(True)
            _log.info("issuer_keys_fetched", keys=len(keys))
            # What a key that is gone has signed is not believed any more.
            self._keys, self._remembered = keys, {}
            self._next_fetch_s = now_s + REFRESH_EVERY_S

    async def _fetch_keys(self) -> Mapping[str, tuple[str, RSAKey | ECKey]]:
        known = await self._fetch(self._oidc.issuer.rstrip("/") + _WELL_KNOWN)
        issuer = msgspec.json.decode(known, type=_Issuer)
        if issuer.issuer != self._oidc.issuer:
            raise FetchError("the document is another issuer's")
        found = msgspec.json.decode(await self._fetch(issuer.jwks_uri), type=_KeySet)
        usable = {str(each.get("kid")): _usable(each) for each in found.keys}
        keys = {kid: key for kid, key in usable.items() if key is not None}
        if not keys:
            raise FetchError("no key is for RS256 or ES256")
        return keys


def _header(token: bytes) -> _Header:
    head = token.split(b".", 1)[0]
    try:
        return msgspec.json.decode(
            base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)), type=_Header
        )
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("its header can't be read, or it has no `kid`") from None


def _usable(jwk: Mapping[str, Any]) -> tuple[str, RSAKey | ECKey] | None:
    """Return the one algorithm of a public key and the key, or None when it is not for us."""
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(jwk.get("kty", ""))
    fits = jwk.get("use", "sig") == "sig" and jwk.get("alg", algorithm) == algorithm
    if algorithm is None or not fits or not isinstance(jwk.get("kid"), str):
        return None
    public = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
    try:
        if algorithm == "ES256":
            return (algorithm, ECKey.import_key(public)) if jwk["crv"] == "P-256" else None
        strong = len(jwk["n"]) >= _RSA_DIGITS_MIN
        return (algorithm, RSAKey.import_key(public)) if strong else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _invalid(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"The token is not valid: {why}.", refused=True)


def _unavailable() -> UpstreamUnavailableError:
    return UpstreamUnavailableError(
        "The keys of the token issuer can't be had.", retry_after_s=RETRY_EVERY_S
    )
