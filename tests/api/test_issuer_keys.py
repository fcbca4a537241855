"""The issuer's keys, kept up to date behind those who use them."""

import asyncio
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.api.issuer_keys import RETRY_EVERY_S, WAITING_MAX, FetchError, IssuerKeys
from app.errors import OverloadedError, UnauthenticatedError, UpstreamUnavailableError
from tests.api.test_jwt import Door
from tests.support.consumers import ISSUER, FakeIssuer, ec_key, token

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


UNKNOWN = token(ec_key("e2"))


async def waiting(door: Door, times: int) -> list[asyncio.Task[str]]:
    """Present a token whose key is not known so many times at once, while the issuer hangs."""
    door.issuer.awaited = door.issuer.awaited or asyncio.Event()
    asked = [asyncio.create_task(door.verifier.verify(UNKNOWN)) for _ in range(times)]
    await anyio.wait_all_tasks_blocked()
    return asked


async def end(door: Door, asked: list[asyncio.Task[str]]) -> list[type]:
    """Let a fetch fail that has hung for six seconds; return what that means to who asked."""
    assert door.issuer.awaited is not None
    door.time.now, door.issuer.away = door.time.now + 6, FetchError("late")
    door.issuer.awaited.set()
    await asyncio.wait(asked)
    return [type(each.exception()) for each in asked]


@pytest.mark.parametrize(
    ("known", "pause_s", "refused"),
    [(True, 60, UnauthenticatedError), (False, RETRY_EVERY_S, UpstreamUnavailableError)],
    ids=["other keys known", "no key known"],
)
async def test_one_for_all(*, known: bool, pause_s: float, refused: type[Exception]) -> None:
    """All who wait share one fetch; the next is due a while after its end, not its beginning."""
    door = Door(FakeIssuer(ec_key()))
    if known:
        await door.verifier.verify(SENT)
        door.time.now += 60
    before = len(door.issuer.asked)
    assert await end(door, await waiting(door, 5)) == [refused] * 5
    for seconds in (0, pause_s - 0.1):
        door.time.now += seconds
        with pytest.raises(refused):
            await door.verifier.verify(UNKNOWN)
    assert len(door.issuer.asked) - before == 1
    door.time.now += 0.1
    with pytest.raises(refused):
        await door.verifier.verify(UNKNOWN)

    assert len(door.issuer.asked) - before == 2


async def test_crowd(door: Door) -> None:
    """No more than 64 may wait for keys, one more is refused at once; who leaves makes room."""
    door.time.now += 60
    asked = await waiting(door, WAITING_MAX)
    (late,) = await waiting(door, 1)
    assert isinstance(late.exception(), OverloadedError)
    asked[0].cancel()
    asked += await waiting(door, 1)
    (later,) = await waiting(door, 1)
    assert isinstance(later.exception(), OverloadedError)

    assert set(await end(door, asked[1:])) == {UnauthenticatedError}
    assert (asked[0].cancelled(), WAITING_MAX) == (True, 64)


async def test_first_leaves(door: Door) -> None:
    """A fetch belongs to nobody: it goes on for the others when the one who came first leaves."""
    door.time.now += 60
    first, second = await waiting(door, 2)
    first.cancel()
    await anyio.wait_all_tasks_blocked()
    door.issuer.jwks.append(ec_key("e2").as_dict(private=False))
    assert door.issuer.awaited is not None
    door.issuer.awaited.set()

    assert await second == "bi"


async def test_drips() -> None:
    """A fetch as a whole has a bound in time, however the issuer passes it."""
    issuer, fetched = FakeIssuer(ec_key()), list[bool]()
    issuer.awaited = asyncio.Event()
    keys = IssuerKeys(
        ISSUER, fetch=issuer.fetch, monotonic=lambda: 0.0, fetched=fetched.append,
        changed=lambda: None, fetch_max_s=0,
    )  # fmt: skip
    with capture_logs() as logs, pytest.raises(UpstreamUnavailableError):
        await keys.find("e1")

    assert (fetched, [line["reason"] for line in logs]) == ([False], ["TimeoutError"])


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
