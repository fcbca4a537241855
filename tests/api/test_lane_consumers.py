"""The lane and who asks: each is answered as by the slow way, and no longer than by it."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.keys import digest
from app.settings import OidcSettings
from tests.api.test_fastlane import MODES, Mode
from tests.support import estate
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
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network
from tests.support.upstream import FakeUpstream
from tests.support.wire import TRACEPARENT, Server, request, served

UNKNOWN = {"nobody", "stranger"}
GOOD, OTHER = "https://good.example", "https://other.example"
LIST = "/v1/tasks?limit=2"
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    (LIST, {}),
    (LIST, {"accept_encoding": "gzip"}),
    (LIST, {"origin": GOOD}),
    (LIST, {"origin": OTHER}),
    (LIST, {"if_none_match": "*"}),
    (LIST, {"x_forwarded_for": "192.0.2.7", "x_forwarded_proto": "https"}),
    (LIST, {"x_forwarded_proto": "http"}),
    (LIST, {"x_request_id": "first\r\nx-request-id: second"}),
    (LIST, {"x_request_id": "\r\nx-request-id: second"}),
    (LIST, {"x_request_id": " \t"}),
    (LIST, {"traceparent": f"\r\ntraceparent: {TRACEPARENT}"}),
    (LIST, {"traceparent": "nonsense"}),
    (LIST, {"traceparent": f"{TRACEPARENT}\r\ntraceparent: {TRACEPARENT}"}),
    (LIST, {"traceparent": f"01{TRACEPARENT[2:]}-x\r\ntraceparent: other"}),
    (LIST, {"host": "other"}),
    (LIST, {"x_api_key": "tg_another"}),
    (LIST, {"cache_control": "max-age=60"}),
    (f"{LIST}&max_age=60", {}),
    (f"{LIST}&max_stale=60", {"origin": GOOD}),
    (f"{LIST}&cached_only=true", {}),
    (f"{LIST}&fields=id,title", {"x_request_id": "not sane"}),
    (f"{LIST}&partial=deny", {}),
    (f"{LIST}&unknown=1", {}),
    (f"{LIST}&tenant={estate.BAKERY}", {}),
    ("/v1/tasks?account=us&limit=2", {}),
    ("/v1/tasks?id=eu2.1,eu2.2,9", {}),
    ("/v1/tasks/eu2.1", {}),
    ("/v1/tasks/2", {"origin": GOOD}),
    ("/v1/tasks/eu2.99", {}),
    ("/v1/tasks/eu2.1/activities", {}),
    ("/v1/tasks/eu2.1/activities?view=tree", {"accept_encoding": "br"}),
    ("/v1/activities", {}),
    ("/v1/accounts", {"if_none_match": "*"}),
    ("/v1/admin/explain?path=/v1/tasks", {}),
    ("/v1/nothing", {}),
)


def house(mode: Mode, time: FakeTime) -> Any:
    """Build the estate with all that the edge can do."""
    return built(
        configured(
            "eu2",
            "us",
            fastlane=mode,
            cursor_secret="same for all",
            cors_origins=[GOOD],
            allowed_hosts=["gate"],
            trusted_proxies=["127.0.0.1"],
            **estate.settings(),
        ),
        network(estate.platforms(time)),
        time,
    )


async def answers(mode: Mode, kind: str, method: str, sent_id: str | None) -> list[bytes]:
    """Return what a kind of consumer is answered again and again, at three ages."""
    time = FakeTime()
    who = {name.lower(): value for name, value in estate.headers(kind).items()}
    base = who | {"x_request_id": sent_id}
    sent = [request(target, method, **base | headers) for target, headers in ASKED]
    found = []
    async with served(house(mode, time), door=mode == "protocol") as server:
        for seconds in (0, 0, 0.25, 2.5):
            time.now += seconds
            found += [await server.connect().ask(each) for each in sent]
    assert (server.asgi_calls == len(found)) == (mode != "protocol" or kind in UNKNOWN)
    return [anonymous(each) for each in found]


@pytest.mark.parametrize(
    ("kind", "method", "sent_id"),
    [
        *[(kind, "GET", "r-1") for kind in estate.KINDS],
        *[(kind, "HEAD", "r-1") for kind in ("all", "admin")],
        *[(kind, "GET", None) for kind in ("all", "north")],
    ],
)
async def test_matrix(kind: str, method: str, sent_id: str | None) -> None:
    """Every kind of consumer gets the same bytes and headers by all three ways."""
    protocol, asgi, off = [await answers(mode, kind, method, sent_id) for mode in MODES]

    assert protocol == off
    assert asgi == off


def anonymous(answer: bytes) -> bytes:
    """Return `answer` without the names that were made up for it."""
    for before, digits in ((b"x-request-id: ", 16), (b'"request_id":"', 16), (b"ceparent: ", 55)):
        head, found, rest = answer.partition(before)
        if found and not rest.startswith((b"r-1", b"mine", b"first", TRACEPARENT.encode())):
            answer = head + before + rest[digits:]
    return answer


async def learned(server: Server, asked: bytes) -> None:
    """Let the lane learn an answer; from now on the slow way is counted."""
    for _ in range(3):
        await server.connect().ask(asked)
    server.asgi_calls = 0


def as_(name: str, **others: Any) -> bytes:
    """Return the request of a consumer."""
    return request(LIST, authorization=bearer(name)["Authorization"], **others)


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_limits(sent_id: str | None) -> None:
    """What is left of the rate stands on each answer as it is at that moment."""
    time = FakeTime()
    app = built(
        configured("eu2", **required(shop={"rate": "2/s"})),
        network({"eu2": FakeUpstream(clock=time.clock)}),
        time,
    )
    async with served(app) as server:
        left = []
        await learned(server, as_("shop", x_request_id=sent_id))
        for seconds in (0.0, 0.5, 0.0):
            time.now += seconds
            answer = await server.connect().ask(as_("shop", x_request_id=sent_id))
            left.append(answer.split(b"ratelimit: ")[1].split(b"\r\n")[0])

    assert left == [b'"default";r=1;t=1', b'"default";r=2;t=0', b'"default";r=2;t=0']
    assert server.asgi_calls == 0


async def moments(mode: Mode, sent_id: str | None, *, costly: bool) -> list[bytes]:
    """Return what is answered from moment to moment, maybe with a cost between two at each."""
    time, asked = FakeTime(), as_("shop", x_request_id=sent_id)
    app = built(
        configured("eu2", fastlane=mode, **required(shop={"rate": "5/s"})),
        network({"eu2": FakeUpstream(clock=time.clock)}),
        time,
        drawn=0.33,
    )
    found = []
    async with served(app, door=mode == "protocol") as server:
        await learned(server, asked)
        for seconds in (0.0, 0.3, 0.25, 0.25, 0.15, 0.35, 6.9, 0.9, 0.3):
            time.now += seconds
            found.append(await server.connect().ask(asked))
            if costly:
                cold = f"{LIST}&policy_name={len(found)}"
                await server.connect().ask(
                    request(cold, authorization=bearer("shop")["Authorization"])
                )
            found.append(await server.connect().ask(asked))
    return [anonymous(each) for each in found]


@pytest.mark.parametrize("costly", [False, True])
@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_moments(sent_id: str | None, *, costly: bool) -> None:
    """Ages, and what is left of freshness and of the rate, are the moment's by all three ways."""
    protocol, asgi, off = [await moments(mode, sent_id, costly=costly) for mode in MODES]

    assert protocol == off
    assert asgi == off
    assert len(set(off)) >= 4


class Tenancy:
    """The estate over a file of consumers that is rewritten while it is served."""

    def __init__(self, folder: Path, time: FakeTime) -> None:
        self.file, self.writes = folder / "consumers.toml", 0
        self.write('tenants = "1496310"')
        settings = configured("eu2", "us", auth="required", consumers_file=self.file)
        self.app = built(settings, network(estate.platforms(time)), time)

    def write(self, *lines: str, key: str = "shop") -> None:
        """Write the file anew, a second later by its own clock."""
        self.writes += 1
        text = f'key_sha256 = "{digest(key_of(key))}"'
        self.file.write_text("\n".join(["[consumers.shop]", text, *lines]), encoding="utf-8")
        os.utime(self.file, (self.writes, self.writes))


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_revoked(tmp_path: Path, sent_id: str | None) -> None:
    """A key that is revoked opens nothing a second later, also where it just did."""
    time, asked = FakeTime(), as_("shop", x_request_id=sent_id)
    tenancy = Tenancy(tmp_path, time)
    async with served(tenancy.app) as server:
        await learned(server, asked)
        fast = await server.connect().ask(asked)
        tenancy.write(key="another")
        time.now += 1
        answer = await server.connect().ask(asked)

    assert fast.startswith(b"HTTP/1.1 200")
    assert answer.startswith(b"HTTP/1.1 401")
    assert server.asgi_calls == 1
    assert server.heads == {}


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_scope_changed(tmp_path: Path, sent_id: str | None) -> None:
    """Nobody sees what was learned for the scope that he had before."""
    time, asked = FakeTime(), as_("shop", x_request_id=sent_id)
    tenancy = Tenancy(tmp_path, time)
    async with served(tenancy.app) as server:
        await learned(server, asked)
        before = await server.connect().ask(asked)
        tenancy.write('tenants = "1496301"')
        time.now += 1
        after = await server.connect().ask(asked)

    assert b"fwd=miss" in after
    assert b"eu2.4" in before
    assert b"eu2.4" not in after


async def test_file_changed_elsewhere(tmp_path: Path) -> None:
    """Who stayed the same in a new file keeps the lane, and heads are known again."""
    time, asked = FakeTime(), as_("shop", x_request_id=None)
    tenancy = Tenancy(tmp_path, time)
    async with served(tenancy.app) as server:
        await learned(server, asked)
        tenancy.write('tenants = "1496310"', "# the same")
        time.now += 1
        wire = server.connect()
        found = [await wire.ask(asked) for _ in range(3)]

    assert all(b"; hit; " in each for each in found)
    assert server.asgi_calls == 0


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_token_ends(sent_id: str | None) -> None:
    """A token opens the lane as long as it is valid, not longer."""
    time, issuer = FakeTime(), FakeIssuer(ec_key())

    async def publish(asked: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=await issuer.fetch(str(asked.url)))

    settings = configured(
        "eu2",
        auth="required",
        oidc=OidcSettings(issuer=ISSUER, audience=AUDIENCE),
        consumers={"bi": consumer("bi")},
    )
    platforms: dict[str, Any] = {
        "eu2": FakeUpstream(clock=time.clock),
        "issuer": httpx.MockTransport(publish),
    }
    exp = int(time.clock()) + 5
    asked = request(LIST, x_api_key=token(exp=exp).decode(), x_request_id=sent_id)
    async with served(built(settings, network(platforms), time)) as server:
        await learned(server, asked)
        time.now += 4.5
        await server.connect().ask(asked)
        fast = server.asgi_calls
        time.now += 0.6
        await server.connect().ask(asked)

    assert (fast, server.asgi_calls) == (0, 1)


async def test_proxy_is_another_peer() -> None:
    """What one peer is believed of the scheme, another's word does not get from the lane."""
    time = FakeTime()
    app = house("protocol", time)
    asked = as_("all", x_forwarded_proto="https", x_request_id=None)
    async with served(app) as server:
        await learned(server, asked)
        trusted = await server.connect().ask(asked)
        other = await server.connect("192.0.2.1").ask(asked)

    assert b"strict-transport-security" in trusted
    assert b"strict-transport-security" not in other
    assert server.asgi_calls == 1
