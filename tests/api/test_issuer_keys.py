"""The issuer's keys, kept up to date behind those who use them."""

import asyncio
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.api.issuer_keys import FetchError
from app.errors import UpstreamUnavailableError
from tests.api.test_jwt import Door
from tests.support.consumers import FakeIssuer, ec_key, token

OLD_S = 600
SENT = token()


@pytest.fixture
async def door() -> Door:
    """A verifier that knows the issuer's one key and has believed a token."""
    door = Door(FakeIssuer(ec_key()))
    await door.verifier.verify(SENT)
    return door


async def recalled(door: Door) -> str | None:
    """Recall the token, and let what that began come to its end."""
    name = door.verifier.recall(SENT)
    await anyio.wait_all_tasks_blocked()
    return name


async def test_withdrawn(door: Door) -> None:
    """A key that was withdrawn is believed for ten minutes at most, and for the use that finds out.

    Nobody waits for it: the use goes on with what is known.
    """
    door.issuer.jwks = FakeIssuer(ec_key("e2")).jwks
    door.time.now += OLD_S - 1
    assert (await recalled(door), len(door.issuer.asked)) == ("bi", 2)
    door.time.now += 1

    assert (await recalled(door), len(door.issuer.asked)) == ("bi", 4)
    assert await recalled(door) is None
    await door.refused(SENT)
    assert await door.verifier.verify(token(ec_key("e2"))) == "bi"


async def test_verified(door: Door) -> None:
    """A token that is seen for the first time finds out as well."""
    door.issuer.jwks = FakeIssuer(ec_key("e2")).jwks
    door.time.now += OLD_S

    assert await door.verifier.verify(token(azp="x")) == "x"
    await anyio.wait_all_tasks_blocked()
    await door.refused(token(azp="x"))


async def test_same(door: Door) -> None:
    """Where nothing has changed nothing is forgotten, or told, but that it was asked."""
    with capture_logs() as logs:
        for _ in range(3):
            door.time.now += OLD_S
            await recalled(door)

    assert await recalled(door) == "bi"
    assert (logs, door.fetched) == ([], [True] * 4)


async def test_away(door: Door) -> None:
    """While the issuer is away the old keys stay; it is asked each minute, and told of once."""
    door.issuer.away = FetchError("gone")
    door.time.now += OLD_S
    with capture_logs() as logs:
        for _ in range(8):
            assert await recalled(door) == "bi"
            door.time.now += 15
        assert door.fetched == [True, False, False]
        door.issuer.away = None
        await recalled(door)
        door.time.now += 60
        await recalled(door)

    assert door.fetched == [True, False, False, True]
    assert [line["event"] for line in logs] == ["issuer_keys_missed", "issuer_keys_fetched"]


async def test_hangs(door: Door) -> None:
    """However long the issuer takes, known tokens and known keys wait for nothing."""
    door.issuer.awaited, tasks = asyncio.Event(), len(asyncio.all_tasks())
    door.time.now += OLD_S
    for _ in range(3):
        assert await recalled(door) == "bi"
    assert await door.verifier.verify(token(azp="x")) == "x"
    assert door.fetched == [True]
    assert len(asyncio.all_tasks()) == tasks + 1
    door.issuer.awaited.set()
    await recalled(door)

    assert (door.fetched, len(door.issuer.asked)) == ([True, True], 4)


class Odd(FakeIssuer):
    """Publishes what no one can read."""

    document = b""

    @override
    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.document


@pytest.mark.parametrize(
    "document",
    [b'{"x":' + b"[" * 500_000, b'{"issuer":"\xff"}', b"{}", b"[]", b""],
    ids=["deep", "no UTF-8", "empty object", "list", "empty"],
)
async def test_unreadable(document: bytes) -> None:
    """A document that can't be read is one that can't be had, and is not asked for anew."""
    issuer = Odd()
    issuer.document = document
    door = Door(issuer)
    for _ in range(3):
        with pytest.raises(UpstreamUnavailableError):
            await door.verifier.verify(token())

    assert (len(issuer.asked), door.fetched) == (1, [False])


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": ["RSA"], "kid": "x"},
        {"kty": "RSA", "kid": "x", "n": 1, "e": {}},
        {"kty": "EC", "kid": "x", "crv": []},
        {"kty": "EC", "kid": {}, "crv": "P-256"},
        {"kty": "EC", "kid": "e1", "use": "enc"},
    ],
    ids=["kind", "numbers", "curve", "name", "same name, for another use"],
)
async def test_odd_key(odd: dict[str, Any]) -> None:
    """A key that is none, or not for us, is passed over: those beside it are used."""
    issuer = FakeIssuer(ec_key())
    issuer.jwks.append(odd)

    assert await Door(issuer).verifier.verify(token()) == "bi"
