"""Tokens of an issuer: what is believed, and when its keys are asked for."""

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from structlog.testing import capture_logs

from app.api.credentials import CREDENTIAL_BYTES_MAX
from app.api.issuer_keys import FetchError
from app.api.jwt import TokenVerifier
from app.errors import UnauthenticatedError, UpstreamUnavailableError
from app.settings import OidcSettings
from tests.support.consumers import (
    AUDIENCE,
    ISSUER,
    FakeIssuer,
    ec_key,
    rsa_key,
    token,
)
from tests.support.platform import FakeTime


class Door:
    """A verifier with its issuer and its clocks; time begins at 0."""

    def __init__(self, issuer: FakeIssuer, claim: str = "azp", most: int = 9) -> None:
        self.issuer, self.time, self.fetched = issuer, FakeTime(), list[bool]()
        self.began = self.time.clock()
        self.verifier = TokenVerifier(
            OidcSettings(issuer=ISSUER, audience=AUDIENCE, consumer_claim=claim),
            fetch=issuer.fetch,
            clock=lambda: self.time.clock() - self.began,
            monotonic=self.time.monotonic,
            fetched=self.fetched.append,
            remembered_max=most,
        )

    async def refused(self, sent: bytes) -> str:
        """Present a token that must be refused; return why."""
        with pytest.raises(UnauthenticatedError) as caught:
            await self.verifier.verify(sent)
        assert caught.value.refused
        return caught.value.detail


@pytest.fixture
def door() -> Door:
    """An issuer with one key of each kind."""
    return Door(FakeIssuer(rsa_key(), ec_key()))


@pytest.mark.parametrize("key", [rsa_key, ec_key], ids=["RS256", "ES256"])
async def test_good(door: Door, key: Callable[[], object]) -> None:
    """Both algorithms are believed; names ignore case; the keys are fetched once."""
    sent = token(key())  # type: ignore[arg-type]

    assert [await door.verifier.verify(sent) for _ in range(3)] == ["bi"] * 3
    assert len(door.issuer.asked) == 2
    assert door.verifier.recall(sent) == "bi"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"exp": -31},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 10**400},
        {"nbf": 31},
        {"azp": None},
        {"azp": ""},
        {"azp": ["bi"]},
        {"azp": "\u212aiosk"},
        {"azp": "b\u0130"},
    ],
    ids=lambda claims: ascii(claims)[:30],
)
async def test_bad_claims(door: Door, claims: dict[str, Any]) -> None:
    """Issuer, audience, expiry and `nbf` must hold, with half a minute of leeway."""
    assert "canary" not in await door.refused(token(**claims))
    assert door.verifier.recall(token(**claims)) is None


@pytest.mark.parametrize(
    "claims",
    [{"exp": -29}, {"nbf": 29}, {"aud": ["x", AUDIENCE]}],
    ids=["just over", "nearly", "one of several"],
)
async def test_leeway(door: Door, claims: dict[str, Any]) -> None:
    """Clocks may differ a little, and a token may be for several."""
    assert await door.verifier.verify(token(**claims)) == "bi"


async def test_expires(door: Door) -> None:
    """A token that was believed once is not remembered beyond its life."""
    sent = token()
    await door.verifier.verify(sent)
    door.time.now += 3600

    assert door.verifier.recall(sent) is None


def _forged() -> bytes:
    head, body, signature = token().split(b".")
    return b".".join([head, body[:-2] + b"AA", signature])


@pytest.mark.parametrize(
    "sent",
    [
        _forged(),
        token(ec_key("e1", "P-384"), header={"alg": "ES384"}),
        token(rsa_key(), header={"alg": "RS512"}),
        token(rsa_key("e1")),
        token(ec_key("stranger")),
        b"eyJhbGciOiJFUzI1NiIsImtpZCI6N30.e30.x",
        b"..",
        b"eyJhbGciOiJub25lIiwia2lkIjoiZTEifQ.e30.",
        b"\xff.\xff.\xff",
        b"W10.e30.x",
        b"W1tbW1tb" * 900 + b".e30.x",
    ],
    ids=["forged", "ES384", "RS512", "other kind of key", "stranger", "odd kid", "empty", "none",
         "bytes", "list", "deep"],
)  # fmt: skip
async def test_not_signed_by_issuer(door: Door, sent: bytes) -> None:
    """Only a signature of the issuer's own key counts, with that key's algorithm."""
    await door.refused(sent)


def unsigned(header: dict[str, Any], claims: Any) -> bytes:
    """Return what a stranger can send who knows the id of a public key."""
    told = [json.dumps({"alg": "ES256", "kid": "e1"} | header), json.dumps(claims), "\0" * 64]
    return b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in told)


FIELDS = ["crit", "b64", "typ", "cty", "jwk", "x5c", "zip", "exp", "nbf", "iat", "iss", "aud"]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just(10**400),
    st.lists(st.sampled_from([5, None, "b64", "x"]), max_size=2), st.just({"b64": {}}),
)  # fmt: skip
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "exp": 3600, "azp": "bi"}
ES256 = jws.JWSRegistry.algorithms["ES256"]
ODDITIES = st.dictionaries(st.sampled_from(FIELDS), ODD, min_size=1, max_size=4)


@given(header=ODDITIES, claims=ODDITIES | ODD)
@settings(max_examples=60, deadline=None)
async def test_unsigned(header: dict[str, Any], claims: Any) -> None:
    """Whatever a stranger writes into a token is a refusal, never a fault of ours."""
    await Door(FakeIssuer(ec_key())).refused(unsigned(header, claims))


@pytest.mark.parametrize("value", [5, None, [5], {}, [], ["x"], ["x5c"]], ids=repr)
async def test_odd_crit(door: Door, value: object) -> None:
    """What the issuer says to be critical must be known, and be there; an empty list is none."""
    await door.refused(signed({"crit": value, "x": 1}))


def signed(header: dict[str, Any]) -> bytes:
    """Return what the issuer can sign, with no other header field than these."""
    head, claims, _ = unsigned({"kid": "e1"} | header, CLAIMS).split(b".")
    sign = ES256.sign(head + b"." + claims, ec_key())
    return b".".join([head, claims, base64.urlsafe_b64encode(sign).rstrip(b"=")])


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/AT+JWT", "Application/JWT"])
async def test_types(door: Door, typ: str) -> None:
    """An access token calls itself one (RFC 9068 2.1), in any case, long or short, or nothing."""
    assert await door.verifier.verify(signed({"typ": typ})) == "bi"
    assert await door.verifier.verify(signed({})) == "bi"


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "application/x", "", None, 5], ids=repr)
async def test_other_types(door: Door, typ: object) -> None:
    """What the issuer signs for another use lets nobody in (RFC 8725 3.11)."""
    await door.refused(signed({"typ": typ}))


async def test_long_header(door: Door) -> None:
    """A header may bear the issuer's certificates (RFC 7515 4.1.6), as long as all is 8 KiB."""
    sent = signed({"x5c": ["MIIB" * 700, "MIIC" * 700]})

    assert 7000 < len(sent) < CREDENTIAL_BYTES_MAX
    assert await door.verifier.verify(sent) == "bi"


@given(claims=ODDITIES)
@settings(max_examples=30, deadline=None)
async def test_odd_claims(claims: dict[str, Any]) -> None:
    """Claims of any kind are believed or refused, also those that the issuer signed."""
    with suppress(UnauthenticatedError):
        assert await Door(FakeIssuer(ec_key())).verifier.verify(token(**claims)) == "bi"


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA", "kid": "x"},
        {"kty": "RSA", "kid": "x"},
        {"kty": "EC", "kid": "x", "crv": "P-256", "x": "!", "y": "!"},
        {"kid": "x"},
        {"kty": "RSA", "kid": "x", "n": "w" * 171, "e": "AQAB"},
        ec_key("x", "P-384").as_dict(private=False),
        ec_key().as_dict(private=False) | {"use": "enc"},
        ec_key().as_dict(private=False) | {"alg": "ES512"},
        ec_key().as_dict(private=False) | {"kid": 7},
    ],
    ids=["oct", "no number", "no point", "no kind", "short", "P-384", "enc", "alg", "kid"],
)
async def test_unusable_keys(door: Door, jwk: dict[str, object]) -> None:
    """A key that is weak, or for something else, is passed over; without any there is an outage."""
    door.issuer.jwks = [jwk]

    with pytest.raises(UpstreamUnavailableError):
        await door.verifier.verify(token())


async def test_rotation(door: Door) -> None:
    """An unknown `kid` fetches the keys anew, at most once a minute; the old ones are gone then."""
    old, new = token(), token(ec_key("e2"))
    await door.verifier.verify(old)
    door.issuer.jwks = FakeIssuer(ec_key("e2")).jwks
    for seconds in (0, 0, 30, 29.9):
        door.time.now += seconds
        await door.refused(new)
    door.time.now += 0.1

    assert await door.verifier.verify(new) == "bi"
    assert len(door.issuer.asked) == 4
    assert door.verifier.recall(old) is None
    await door.refused(old)


async def test_away(door: Door) -> None:
    """While the issuer is away the keys that are known stay, and it is not asked more."""
    await door.verifier.verify(token())
    door.issuer.away, door.time.now = FetchError("gone"), door.time.now + 60
    with capture_logs() as logs:
        for _ in range(3):
            await door.refused(token(ec_key("e2")))

    assert await door.verifier.verify(token(azp="x")) == "x"
    assert [line["event"] for line in logs] == ["issuer_keys_missed"]
    assert door.fetched == [True, False]


async def test_away_at_first(door: Door) -> None:
    """Without any key a token is nobody's fault: 503, and another try after five seconds."""
    door.issuer.away = FetchError("gone")
    for _ in range(3):
        with pytest.raises(UpstreamUnavailableError):
            await door.verifier.verify(token())
    assert len(door.issuer.asked) == 1
    door.issuer.away, door.time.now = None, door.time.now + 5

    assert await door.verifier.verify(token()) == "bi"


async def test_together(door: Door) -> None:
    """Many tokens at once fetch the keys once."""
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(door.verifier.verify(token())) for _ in range(5)]
        await anyio.wait_all_tasks_blocked()

    assert {each.result() for each in found} == {"bi"}
    assert len(door.issuer.asked) == 2


async def test_impostor(door: Door) -> None:
    """A document that names another issuer is not believed."""
    door.issuer.name = "https://evil.example"

    with pytest.raises(UpstreamUnavailableError):
        await door.verifier.verify(token())


async def test_forgets() -> None:
    """The memory of tokens is bounded."""
    door = Door(FakeIssuer(ec_key()), most=2)
    sent = [token(jti=str(number)) for number in range(3)]
    for each in sent:
        await door.verifier.verify(each)

    assert [door.verifier.recall(each) for each in sent] == [None, None, "bi"]


async def test_claim() -> None:
    """The claim that names the consumer is the operator's choice."""
    door = Door(FakeIssuer(ec_key()), claim="client_id")

    assert await door.verifier.verify(token(client_id="Shop")) == "shop"
