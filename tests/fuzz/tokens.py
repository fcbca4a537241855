"""Tokens of the one consumer that has them, and tokens as no issuer makes them."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple

import httpx
from joserfc import jws

from tests.support.consumers import AUDIENCE, ISSUER, ec_key, rsa_key, token

KIND: Final = "bi"
"""Who is known by a token."""
_FAR: Final = 4_102_444_800  # the end of every life here, in Unix seconds
_CLAIMS: Final = {"iss": ISSUER, "aud": AUDIENCE, "exp": _FAR, "azp": "BI"}
_ODD: Final[tuple[Any, ...]] = (
    None, True, -1, 0, 0.5, float("nan"), float("inf"), 1e308, 10**400, "", "9", "NaN", "soon",
    "\u212aiosk", "b\u0130", "cnrysecret", "x" * 3000, [], ["taskgate", {}], [[[]]], {},
    {"a": {"b": []}}, "\u0000", "\ud800", "bi\r\nX-Odd: 1",
)  # fmt: skip
_ALGORITHMS: Final = ("none", "None", "nOnE", "HS256", "HS512", "RS512", "PS256", "ES384", "EdDSA")
_KIDS: Final = ("", "r1", "e1", "E1", "../../dev/null", "e1' OR 1", "k" * 5000, "\u0130", "\x00")
_FIELDS: Final = ("crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "typ", "cty", "enc", "p2c")
_BODIES: Final = (
    b"", b"null", b"[]", b'"bi"', b"\xff\xfe", b"{", b'{"azp":"BI","azp":"BI"}', b"[" * 2500,
    b'{"exp":' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"exp":' + b"9" * 4000 + b"}",
)  # fmt: skip


class Presented(NamedTuple):
    """A token, and who may be answered for it: nobody, or the one who is known by tokens."""

    kind: str
    token: bytes


@cache
def good() -> bytes:
    """Return the token that is believed."""
    return token(rsa_key(), exp=_FAR)


def issuer() -> httpx.MockTransport:
    """Return the issuer of this world, which is always there."""
    keys = [key.as_dict(private=False) for key in (rsa_key(), ec_key())]
    told = {
        "/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"},
        "/jwks": {"keys": keys},
    }
    return httpx.MockTransport(lambda request: httpx.Response(200, json=told[request.url.path]))


def oddity(rand: Random, mutated: Callable[[bytes], bytes]) -> Presented:
    """Make up a token; `mutated` turns and cuts bytes."""
    kind, made = rand.choice((_forged, _forged, _signed, _signed, _turned, _turned, _dotted))(
        rand, mutated
    )
    return Presented(kind, made)


def _forged(rand: Random, _: object) -> Presented:
    """One of a stranger, who knows the issuer's public key and its id."""
    header: dict[str, Any] = {"alg": "RS256", "kid": "r1"}
    change = rand.choice(("alg", "alg", "kid", "field", ""))
    if change == "alg":
        header["alg"] = rand.choice(_ALGORITHMS if rand.random() < 0.7 else _ODD)
    elif change == "kid":
        header["kid"] = rand.choice(_KIDS if rand.random() < 0.7 else _ODD)
    elif change == "field":
        header[rand.choice(_FIELDS)] = rand.choice((*_ODD, ["b64"], ["exp"], _public()))
    told = b".".join((_part(header), _part(_CLAIMS | {"jti": rand.random()})))
    signature = rand.choice((b"", b"\0" * 64, b"\0" * 256, rand.randbytes(256), _hmac(told)))
    return Presented("", told + b"." + _coded(signature))


def _signed(rand: Random, _: object) -> Presented:
    """One that the issuer signed, of odd words."""
    if rand.random() < 0.2:
        # Nothing that would name anybody but the one there is.
        return Presented(KIND, _by_issuer(rand.choice(_BODIES)))
    name = rand.choice(("exp", "exp", "nbf", "iat", "iss", "aud", "azp", "jti", "sub"))
    value = rand.choice(_ODD)
    return Presented("" if name == "azp" else KIND, _by_issuer(_json(_CLAIMS | {name: value})))


def _turned(rand: Random, mutated: Callable[[bytes], bytes]) -> Presented:
    """A good one with some bytes turned, or padded, or spelt in the other alphabet."""
    head, body, signature = good().split(b".")
    parts = [head, body, signature]
    at = rand.randrange(3)
    changes: tuple[Callable[[bytes], bytes], ...] = (
        mutated,
        lambda part: part + b"=" * rand.randint(1, 4),
        lambda part: part.replace(b"-", b"+").replace(b"_", b"/"),
        lambda part: part[: rand.randrange(len(part))],
        lambda part: part + rand.choice((b"A", b"\xc3\xa9", b"\xff", b"%", b"A" * 3000)),
        lambda _: b"",
    )
    parts[at] = rand.choice(changes)(parts[at])
    made = b".".join(parts)
    # What stands before the signature is signed as it is spelt; the signature itself is not.
    return Presented(KIND if head + b"." + body in made else "", made)


def _dotted(rand: Random, _: object) -> Presented:
    """One with another number of parts."""
    parts = good().split(b".")
    some = [rand.choice((*parts, b"", b"e30")) for _ in range(rand.choice((0, 1, 2, 4, 5, 3000)))]
    return Presented("", b".".join(some))


@cache
def _by_issuer(body: bytes) -> bytes:
    return jws.serialize_compact({"alg": "RS256", "kid": "r1"}, body, rsa_key()).encode()


@cache
def _public() -> dict[str, Any]:
    return dict(rsa_key("stranger").as_dict(private=False))


def _hmac(told: bytes) -> bytes:
    return hmac.digest(rsa_key().as_pem(private=False), told, hashlib.sha256)


def _part(words: object) -> bytes:
    return _coded(_json(words))


def _json(words: object) -> bytes:
    return json.dumps(words).encode()


def _coded(text: bytes) -> bytes:
    return urlsafe_b64encode(text).rstrip(b"=")
