"""Consumers for tests: keys that are made once, settings that name them, an issuer of tokens."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from app.api.keys import digest, make_key
from app.settings import ConsumerSettings

if TYPE_CHECKING:
    import asyncio

ISSUER, AUDIENCE = "https://issuer.example", "taskgate"


def key_of(name: str) -> str:
    """Return the one key of the consumer `name`; equal names have equal keys."""
    return make_key(name.encode().rjust(32, b"\0"))


def consumer(name: str, **changes: Any) -> ConsumerSettings:
    """Return the settings of a consumer whose key is `key_of(name)`."""
    return ConsumerSettings.model_validate({"key_sha256": digest(key_of(name))} | changes)


def required(**consumers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `configured` needs to ask for keys; names lead to changed settings."""
    named = {name: consumer(name, **changes) for name, changes in consumers.items()}
    return {"auth": "required", "consumers": named}


def bearer(name: str) -> dict[str, str]:
    """Return the headers that `name` sends."""
    return {"Authorization": f"Bearer {key_of(name)}"}


@cache
def rsa_key(kid: str = "r1") -> RSAKey:
    """Return a private key, the same for the same words."""
    return RSAKey.generate_key(2048, {"kid": kid})


@cache
def ec_key(kid: str = "e1", curve: str = "P-256") -> ECKey:
    """Return a private key, the same for the same words."""
    return ECKey.generate_key(curve, {"kid": kid})


def token(
    key: RSAKey | ECKey | None = None,
    *,
    header: Mapping[str, Any] | None = None,
    **claims: Any,
) -> bytes:
    """Return a token of `bi`, valid at time 0 for an hour; a claim that is None is left out."""
    key = key or ec_key()
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    facts = {"iss": ISSUER, "aud": AUDIENCE, "exp": 3600, "azp": "BI"} | claims
    head = {"alg": algorithm, "kid": key.kid} | dict(header or {})
    told = {name: value for name, value in facts.items() if value is not None}
    return jwt.encode(head, told, key, algorithms=["RS256", "ES256", "RS512", "ES384"]).encode()


class FakeIssuer:
    """Publishes its public keys at two addresses, counts who asks, and can be away."""

    def __init__(self, *keys: RSAKey | ECKey) -> None:
        self.jwks: list[Any] = [key.as_dict(private=False) for key in keys]
        self.name = ISSUER
        self.asked: list[str] = []
        self.away: Exception | None = None
        self.awaited: asyncio.Event | None = None

    async def fetch(self, url: str) -> bytes:
        """Answer as an issuer does, once what is awaited has happened."""
        self.asked.append(url)
        if self.awaited is not None:
            await self.awaited.wait()
        if self.away is not None:
            raise self.away
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return json.dumps({"issuer": self.name, "jwks_uri": f"{ISSUER}/jwks"}).encode()
        assert url == f"{ISSUER}/jwks"
        return json.dumps({"keys": self.jwks}).encode()
