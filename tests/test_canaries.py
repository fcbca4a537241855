"""Canaries in tokens, in the consumers' file, in addresses: none comes out again."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr
from structlog.testing import capture_logs

from app.settings import OidcSettings, Settings, SettingsError, load
from tests.support.consumers import (
    AUDIENCE,
    ISSUER,
    FakeIssuer,
    bearer,
    consumer,
    ec_key,
    key_of,
    required,
    token,
)
from tests.support.platform import UNIX, FakeTime
from tests.support.serving import built, configured, network, running
from tests.support.upstream import FakeUpstream, a_task

CANARY = "canary-5b1e7d"
UNTIL = int(UNIX) + 60
CLAIMS: dict[str, Any] = {"exp": UNTIL, "email": CANARY, "scope": CANARY, "jti": CANARY}
ROUTES = ("/v1/tasks", "/v1/accounts", "/v1/admin/explain?path=/v1/tasks", "/metrics",
          "/openapi.json", "/readyz", "/nowhere")  # fmt: skip


def altered(sent: bytes) -> bytes:
    """Return a token whose signature is another's."""
    return sent[:-8] + b"AAAAAAAA"


TOKENS: dict[str, Callable[[], bytes]] = {
    "good": lambda: token(**CLAIMS),
    "admin": lambda: token(**CLAIMS | {"azp": "root"}),
    "expired": lambda: token(**CLAIMS | {"exp": 1}),
    "for another": lambda: token(**CLAIMS | {"aud": CANARY}),
    "of another": lambda: token(**CLAIMS | {"iss": CANARY}),
    "of nobody": lambda: token(**CLAIMS | {"azp": CANARY}),
    "forged": lambda: altered(token(**CLAIMS)),
    "unknown key": lambda: token(ec_key("e9"), header={"kid": CANARY}, **CLAIMS),
    "no token": ".".join([CANARY] * 3).encode,
}


async def told(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None,
    headers: Mapping[str, str],
    caplog: pytest.LogCaptureFixture,
) -> str:
    """Return all that leaves the service when each route is asked, as loud as it can be."""
    caplog.set_level(logging.DEBUG)
    time, found = FakeTime(), []
    with capture_logs() as lines:
        app = built(settings, transport, time)  # type: ignore[arg-type]  # None is the network
        async with running(app) as client:
            for route in ROUTES:
                answer = await client.get(route, headers=headers)
                found.append(f"{answer.status_code} {answer.headers} {answer.text}")
    return f"{found} {caplog.text} {lines} {settings!r} {settings} {settings.model_dump()}"


@pytest.mark.parametrize("away", [False, True], ids=["issuer", "issuer away"])
@pytest.mark.parametrize("kind", TOKENS)
async def test_tokens(caplog: pytest.LogCaptureFixture, kind: str, away: bool) -> None:  # noqa: FBT001
    """No claim, header, signature or whole token is told, whether or not it is believed."""
    issuer, sent = FakeIssuer(ec_key()), TOKENS[kind]()

    async def answer(request: httpx.Request) -> httpx.Response:
        if away:
            return httpx.Response(500, text=CANARY, headers={"X-Reason": CANARY})
        return httpx.Response(200, content=await issuer.fetch(str(request.url)))

    platforms: dict[str, Any] = {
        "eu2": FakeUpstream(tasks=[a_task(1)]),
        "issuer": httpx.MockTransport(answer),
    }
    consumers = {"bi": consumer("bi"), "root": consumer("root", admin=True)}
    settings = configured(
        "eu2",
        docs=True,
        oidc=OidcSettings(issuer=ISSUER, audience=AUDIENCE),
        auth="required",
        consumers=consumers,
    )
    headers = {"Authorization": f"Bearer {sent.decode()}"}
    text = await told(settings, network(platforms), headers, caplog)

    assert "request_served" in text
    assert ("'consumer': '" in text) == (kind in {"good", "admin"} and not away)
    assert CANARY not in text
    assert not [part for part in sent.decode().split(".") if part in text]


PROXY = f"http://user:{CANARY}@127.0.0.1:9"


async def test_proxy(caplog: pytest.LogCaptureFixture) -> None:
    """The password of a proxy that refuses is in no answer, line or figure."""
    settings = configured("eu2", docs=True, upstream={"proxy": PROXY}, **required(bi={}))
    text = await told(settings, None, bearer("bi"), caplog)

    assert "upstream-unavailable" in text
    assert CANARY not in text
    assert key_of("bi") not in text


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
async def test_valkey(caplog: pytest.LogCaptureFixture, scheme: str) -> None:
    """The password for a Valkey that is not there is in no answer, line or figure."""
    url = SecretStr(f"{scheme}://user:{CANARY}@127.0.0.1:9")
    consumers = required(bi={"admin": True})
    settings = configured("eu2", docs=True, valkey_url=url, **consumers)
    text = await told(settings, network({"eu2": FakeUpstream()}), bearer("bi"), caplog)

    assert "valkey_lost" in text
    assert "'host': '127.0.0.1:9'" in text
    assert CANARY not in text


BROKEN = {
    "key for hash": f"[consumers.shop]\nkey_sha256 = '{CANARY}'",
    "unknown": f"[consumers.shop]\nsecret = '{CANARY}'",
    "in a list": f"[consumers.shop]\ntenants = ['{CANARY}']",
    "as a rate": f"[consumers.shop]\nrate = '{CANARY}'",
    "no TOML": f"[consumers.shop]\nkey_sha256 = '{CANARY}",
    "twice": f"[consumers.shop]\nrate = '{CANARY}'\nrate = '{CANARY}'",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_consumers_file(tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """A secret that was written into the consumers' file is told neither then nor at the start."""
    file = tmp_path / "consumers.toml"
    file.write_text("[consumers.shop]\nkey_sha256 = '" + "0" * 64 + "'")
    settings, time = configured("eu2", auth="required", consumers_file=file), FakeTime()
    with capture_logs() as lines:
        async with running(built(settings, network({"eu2": FakeUpstream()}), time)) as client:
            file.write_text(text)
            time.now += 2
            answer = await client.get("/v1/tasks", headers=bearer("bi"))
            figures = (await client.get("/metrics")).text
    with pytest.raises(SettingsError) as refused:
        built(settings, network({}), time)

    assert "consumers_file_refused" in str(lines)
    assert CANARY not in f"{answer.text} {figures} {lines} {caplog.text} {refused.value}"


NAMED = {
    "TASKGATE_CONSUMERS__SHOP__KEY_SHA256": CANARY,
    "TASKGATE_CONSUMERS__SHOP__RATE": CANARY,
    "TASKGATE_VALKEY_URL": f"redis://user:{CANARY}@valkey:x",
    "TASKGATE_UPSTREAM__PROXY": f"socks5://user:{CANARY}@proxy:1",
    "TASKGATE_OIDC": f'{{"issuer": "https://user:{CANARY}@issuer", "audience": "a"}}',
    "TASKGATE_ACCOUNTS__EU2__URL": f"https://user:{CANARY}@eu2.example",
    "TASKGATE_CORS_ORIGINS": f"https://user:{CANARY}@app.example",
    "TASKGATE_TRUSTED_PROXIES": CANARY,
}


@pytest.mark.parametrize("name", NAMED)
def test_refused_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """The sentence on a wrong setting names the variable and repeats no value."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, NAMED[name])
    with pytest.raises(SettingsError) as refused:
        load()

    assert name.split("__", 1)[0] in str(refused.value)
    assert CANARY not in str(refused.value)


def secret_fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a section whose names say that they hold a secret or credentials."""
    words = ("secret", "proxy", "password", "valkey_url", "redis_url")
    return {
        f"{model.__name__}.{name}": each.annotation
        for name, each in model.model_fields.items()
        if name.endswith(words)
    }


def test_types() -> None:
    """What is a secret by its name is one by its type, in every section; no format can show it."""
    sections: list[type[BaseModel]] = [Settings, *_below(Settings)]
    found = {name: kind for each in sections for name, kind in secret_fields(each).items()}

    assert found.keys() >= {"UpstreamSettings.proxy", "Settings.valkey_url"}
    assert [name for name, kind in found.items() if SecretStr.__name__ not in str(kind)] == []


def _below(model: type[BaseModel]) -> list[type[BaseModel]]:
    kinds: list[Any] = [each.annotation for each in model.model_fields.values()]
    inside = [part for kind in kinds for part in (kind, *getattr(kind, "__args__", ()))]
    return [kind for kind in inside if isinstance(kind, type) and issubclass(kind, BaseModel)]
