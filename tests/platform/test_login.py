"""Rules of logging in."""

from urllib.parse import parse_qs

import pytest

from app.errors import ServiceError, UpstreamAuthFailedError
from app.platform.events import TokenRefreshed
from tests.support.platform import World, world
from tests.support.upstream import TOKEN_PATH, FakeUpstream

TENANT = "6b1f0c0e-3f5b-4c5a-9d0e-0f6f6a2f6d11"
EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def exchanging() -> World:
    """Return a client of a platform that denies the direct form."""
    return world(upstream=FakeUpstream(tenant=TENANT, exchanges_only=True), tenant=TENANT)


def grants(here: World) -> list[str]:
    """Return the grant types that were asked for, those with a scope marked."""
    forms = [
        parse_qs(request.content.decode())
        for request in here.upstream.requests
        if request.url.path == TOKEN_PATH
    ]
    return [form["grant_type"][0][-11:] + "+" * ("scope" in form) for form in forms]


async def test_direct_narrowing() -> None:
    """A tenant narrows the token in one request where the platform allows it (P§2.4)."""
    here = world(upstream=FakeUpstream(tenant=TENANT), tenant=TENANT)
    await here.client.login()

    assert grants(here) == ["credentials+"]


async def test_exchange() -> None:
    """Where the direct form is denied a base token is exchanged, and from then on at once."""
    here = exchanging()
    await here.client.login()
    here.time.now = 7200
    await here.client.login()

    first, second = ["credentials+", "credentials", ":jwt-bearer+"], ["credentials", ":jwt-bearer+"]
    assert grants(here) == first + second


async def test_base_token_rules() -> None:
    """A narrowed token is over when its base token is (P§2.4)."""
    here = exchanging()
    base = {"access_token": "base", "expires_in": 100}
    here.upstream.fail_next(403, body={"error": "access_denied"}, path="/token")
    here.upstream.fail_next(200, body=base, path="/token")
    here.upstream.fail_next(200, body={"access_token": "t", "expires_in": 7200}, path="/token")
    await here.client.login()

    assert here.heard(TokenRefreshed) == [TokenRefreshed("eu2", 1, 100.0)]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_client"), (400, "invalid_client"), (401, "x")]
)
async def test_unknown_client(status: int, code: str) -> None:
    """A client that is not known is not asked for in the other form."""
    here = exchanging()
    here.upstream.fail_next(status, body={"error": code}, path="/token")
    with pytest.raises(UpstreamAuthFailedError):
        await here.client.login()

    assert grants(here) == ["credentials+"]


async def test_denied_in_both_forms() -> None:
    """A tenant that is denied in both forms is told as such."""
    here = exchanging()
    here.upstream.tenant = None
    here.upstream.fail_next(403, body={"error": "access_denied"}, path="/token")
    with pytest.raises(UpstreamAuthFailedError):
        await here.client.login()

    assert grants(here) == ["credentials+", "credentials", ":jwt-bearer+"]


@pytest.mark.parametrize("body", ["", "<html>", {"token_type": "bearer"}])
async def test_garbled_answer(body: object) -> None:
    """A success without a token is a failure that backs off like any other."""
    here = world()
    here.upstream.fail_next(200, body=body, path="/token")
    slugs = []
    for _ in range(3):
        with pytest.raises(ServiceError) as caught:
            await here.client.login()
        slugs.append(caught.value.slug)

    assert slugs == 3 * ["upstream-invalid-response"]
    assert here.upstream.calls("/token") == 1


async def test_vanished_secret() -> None:
    """A secret that is gone is an error of ours; once it is back it is tried at once."""
    secrets: list[str] = []

    def secret() -> str:
        if not secrets:
            raise ValueError("CLIENT_SECRET_FILE can't be read")
        return secrets[0]

    here = world(secret=secret)
    for _ in range(2):
        with pytest.raises(UpstreamAuthFailedError):
            await here.client.login()
    secrets.append("secret")
    await here.client.login()

    assert here.upstream.calls("/token") == 1
