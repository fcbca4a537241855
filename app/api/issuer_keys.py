"""The public keys of an OIDC issuer: fetched with the first token, then kept up to date behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Any

import msgspec
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.errors import OverloadedError, UpstreamUnavailableError

RENEW_AFTER_S = 600.0
REFRESH_EVERY_S = 60.0
RETRY_EVERY_S = 5.0  # while there is no key at all
FETCH_MAX_S = 10.0  # both documents; an issuer that drips bytes ends here
WAITING_MAX = 64
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


_MISSES = (FetchError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class IssuerKeys:
    """Knows the keys of `issuer` by their ids, as far as they are for RS256 or ES256.

    They are fetched when one is asked for that is not known, and behind, when they are used and
    older than `RENEW_AFTER_S`. One fetch at a time, of `fetch_max_s` at most, is for all who wait;
    the next begins `REFRESH_EVERY_S` after its end, or `RETRY_EVERY_S` while there is no key.
    While the issuer is away the keys that are known stay. At most `waiting_max` callers wait at a
    time. `fetch` gets a URL and returns the document, or raises `FetchError`; `fetched` hears
    whether it did; `changed` is called when the keys are others than before. `monotonic` is in
    seconds.
    """

    def __init__(
        self,
        issuer: str,
        *,
        fetch: Fetch,
        monotonic: Callable[[], float],
        fetched: Callable[[bool], None],
        changed: Callable[[], None],
        fetch_max_s: float = FETCH_MAX_S,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._monotonic = monotonic
        self._fetched = fetched
        self._changed = changed
        self._keys: Mapping[str, Key] = {}
        self._told: list[dict[str, Any]] = []
        self._missed = False
        self._fetch_max_s = fetch_max_s
        self._waiting_max = waiting_max
        self._waiting = 0
        self._next_fetch_s = -inf
        self._old_at_s = inf
        self._fetching: asyncio.Task[None] | None = None

    def renew(self) -> None:
        """Fetch the keys behind when they are old; this is called with every use of them."""
        if self._monotonic() >= self._old_at_s:
            self._under_way()

    async def find(self, kid: str) -> Key | None:
        """Return a key, if the issuer has it.

        Raises:
            UpstreamUnavailableError: its keys could not be had yet.
            OverloadedError: as many as may wait for them do.
        """
        self.renew()
        if kid not in self._keys and (fetching := self._under_way()) is not None:
            await self._wait(fetching)
        if not self._keys:
            raise UpstreamUnavailableError(
                "The keys of the token issuer can't be had.", retry_after_s=RETRY_EVERY_S
            )
        return self._keys.get(kid)

    def _under_way(self) -> asyncio.Task[None] | None:
        """Return the fetch that is under way, begun here when it is time for one."""
        if self._fetching is None and self._monotonic() >= self._next_fetch_s:
            self._fetching = asyncio.get_running_loop().create_task(self._refresh())
        return self._fetching

    async def _wait(self, fetching: asyncio.Task[None]) -> None:
        # Anybody can make up a `kid`: strangers who wait must not take all the places there are.
        if self._waiting >= self._waiting_max:
            raise OverloadedError(
                "Too many requests wait for the keys of the token issuer.", retry_after_s=1
            )
        self._waiting += 1
        try:
            await asyncio.shield(fetching)  # who leaves does not end it for the others
        finally:
            self._waiting -= 1

    async def _refresh(self) -> None:
        try:
            await self._fetch_once()
        finally:
            # From the end on, or who waited would begin another at once; and whatever a document
            # did here, so that strangers cause no more of it.
            pause_s = REFRESH_EVERY_S if self._keys else RETRY_EVERY_S
            self._next_fetch_s = self._monotonic() + pause_s
            self._fetching = None

    async def _fetch_once(self) -> None:
        try:
            async with asyncio.timeout(self._fetch_max_s):
                told = await self._fetch_keys()
            keys = _usable_of(told)
        except _MISSES as exc:
            self._miss(type(exc).__name__)
            return
        self._old_at_s = self._monotonic() + RENEW_AFTER_S
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
