"""The public keys of an OIDC issuer: fetched with the first token, then kept up to date behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.errors import UpstreamUnavailableError

RENEW_AFTER_S = 600.0
REFRESH_EVERY_S = 60.0
RETRY_EVERY_S = 5.0  # while there is no key at all
_RSA_DIGITS_MIN = 342  # base64url digits of 2048 bits
_WELL_KNOWN = "/.well-known/openid-configuration"
_log = structlog.get_logger()

Fetch = Callable[[str], Awaitable[bytes]]
Key = tuple[str, RSAKey | ECKey]
"""The one algorithm that a key is for, and the key."""


class _Issuer(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class FetchError(Exception):
    """A document of the issuer can't be had; the text holds no secret."""


class IssuerKeys:
    """Knows the keys of `issuer` by their ids, as far as they are for RS256 or ES256.

    They are fetched when one is asked for that is not known, at most once in `REFRESH_EVERY_S`, and
    behind, when they are used and older than `RENEW_AFTER_S`. While the issuer is away those that
    are known stay, and it is asked again after `REFRESH_EVERY_S`. `fetch` gets a URL and returns
    the document, or raises `FetchError`; `fetched` hears whether it did; `changed` is called when
    the keys are others than before. `monotonic` is in seconds.
    """

    def __init__(
        self,
        issuer: str,
        *,
        fetch: Fetch,
        monotonic: Callable[[], float],
        fetched: Callable[[bool], None],
        changed: Callable[[], None],
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._fetched = fetched
        self._changed = changed
        self._keys: Mapping[str, Key] = {}
        self._told: list[dict[str, Any]] = []
        self._missed = False
        self._refreshing = asyncio.Lock()
        self._next_fetch_s = -inf
        self._old_at_s = inf
        self._renewing: asyncio.Task[None] | None = None

    def renew(self) -> None:
        """Fetch the keys behind when they are old; this is called with every use of them."""
        if self._monotonic() >= self._old_at_s:
            self._old_at_s = self._monotonic() + REFRESH_EVERY_S  # whatever becomes of this try
            self._renewing = asyncio.get_running_loop().create_task(self._refresh())

    async def find(self, kid: str) -> Key | None:
        """Return a key, if the issuer has it.

        Raises:
            UpstreamUnavailableError: its keys could not be had yet.
        """
        self.renew()
        if kid not in self._keys:
            await self._refresh(kid)
        if not self._keys:
            raise UpstreamUnavailableError(
                "The keys of the token issuer can't be had.", retry_after_s=RETRY_EVERY_S
            )
        return self._keys.get(kid)

    async def _refresh(self, kid: str | None = None) -> None:
        async with self._refreshing:
            now_s = self._monotonic()
            if kid in self._keys or now_s < self._next_fetch_s:
                return
            # Before it is tried: whatever a document does here, strangers cause no more of it.
            self._next_fetch_s = now_s + (REFRESH_EVERY_S if self._keys else RETRY_EVERY_S)
            try:
                told = await self._fetch_keys()
                keys = _usable_of(told)
            except (FetchError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
                self._miss(type(exc).__name__)
                return
            self._next_fetch_s, self._old_at_s = now_s + REFRESH_EVERY_S, now_s + RENEW_AFTER_S
            self._fetched(True)
            if self._missed or told != self._told:
                _log.info("issuer_keys_fetched", keys=len(keys))
            self._missed = False
            if told != self._told:
                self._told, self._keys = told, keys
                self._changed()

    def _miss(self, reason: str) -> None:
        self._fetched(False)
        if not self._missed:
            _log.warning("issuer_keys_missed", reason=reason)
        self._missed = True

    async def _fetch_keys(self) -> list[dict[str, Any]]:
        known = await self._fetch(self._issuer.rstrip("/") + _WELL_KNOWN)
        issuer = msgspec.json.decode(known, type=_Issuer)
        if issuer.issuer != self._issuer:
            raise FetchError("the document is another issuer's")
        return msgspec.json.decode(await self._fetch(issuer.jwks_uri), type=_KeySet).keys


def _usable_of(told: list[dict[str, Any]]) -> Mapping[str, Key]:
    keys = {each["kid"]: key for each in told if (key := _usable(each)) is not None}
    if not keys:
        raise FetchError("no key is for RS256 or ES256")
    return keys


def _usable(jwk: Mapping[str, Any]) -> Key | None:
    """Return the one algorithm of a public key and the key, or None when it is not for us."""
    try:
        algorithm = {"RSA": "RS256", "EC": "ES256"}[jwk["kty"]]
        fits = jwk.get("use", "sig") == "sig" and jwk.get("alg", algorithm) == algorithm
        if not fits or not isinstance(jwk["kid"], str):
            return None
        public = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
        if algorithm == "ES256":
            return (algorithm, ECKey.import_key(public)) if jwk["crv"] == "P-256" else None
        strong = len(jwk["n"]) >= _RSA_DIGITS_MIN
        return (algorithm, RSAKey.import_key(public)) if strong else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None
