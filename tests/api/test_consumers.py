"""The door, through the whole service: who is let in, and what the others are told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message, Receive, Send
from starlette.types import Scope as ASGIScope
from structlog.testing import capture_logs

from app.api.consumers import Authentication, Guard
from app.api.edge import LATE_HEADERS
from app.api.issuer_keys import WAITING_MAX
from app.api.limits import FAILURES_BURST, FailureLimiter, Limiter
from app.api.roster import Roster
from app.errors import OverloadedError, UnauthenticatedError
from app.settings import OidcSettings
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
from tests.support.serving import built, configured, network, running, serving
from tests.support.upstream import FakeUpstream, a_task

THREATS = Path(__file__).parents[2] / "docs/threat-model.md"
BAD = {"Authorization": "Bearer tg_nobody"}


@asynccontextmanager
async def door(time: FakeTime, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve two accounts to the consumers `bi` (all) and `shop` (`us` alone)."""
    platforms = {
        alias: FakeUpstream(tasks=[a_task(1)], clock=time.clock) for alias in ("eu2", "us")
    }
    settings = required(bi={}, shop={"accounts": "us", "rate": "1/s"}) | changes
    async with serving(platforms, time, **settings) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        bearer("bi"),
        {"authorization": f"bearer   {key_of('bi')} "},
        {"X-API-Key": key_of("bi")},
        {"X-API-Key": key_of("bi")} | bearer("bi"),
    ],
    ids=["bearer", "any case", "header", "both, equal"],
)
async def test_let_in(time: FakeTime, headers: dict[str, str]) -> None:
    """A key comes in either header, or in both when they are equal."""
    async with door(time) as client:
        answers = [await client.get("/v1/tasks", headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=50;w=1'
    assert answers[0].headers["ratelimit"].startswith('"default";r=')


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, ""),
        (BAD, ', error="invalid_token"'),
        ({"Authorization": "Basic Ymk6YmkK"}, ', error="invalid_token"'),
        ({"Authorization": "Bearer "}, ', error="invalid_token"'),
        ({"X-API-Key": key_of("shop")} | bearer("bi"), ', error="invalid_token"'),
        ({"Authorization": "Bearer a.b.c"}, ', error="invalid_token"'),
    ],
    ids=["none", "unknown", "basic", "empty", "two", "token"],
)
async def test_kept_out(time: FakeTime, headers: dict[str, str], error: str) -> None:
    """Everything else is 401 with a challenge, before the cache and `If-None-Match`."""
    async with door(time) as client:
        etag = (await client.get("/v1/tasks", headers=bearer("bi"))).headers["etag"]
        answer = await client.get("/v1/tasks", headers=headers | {"If-None-Match": etag})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == f'Bearer realm="taskgate"{error}'
    assert not {"etag", "ratelimit"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("name", "sent", "said"),
    [
        ("X-API-Key", "", "empty or too long"),
        ("X-API-Key", "x" * 8192, "not known"),
        ("X-API-Key", "x" * 8193, "empty or too long"),
        ("Authorization", f"Bearer {'x' * 8192}", "not known"),
        ("Authorization", f"Bearer {'x' * 8193}", "empty or too long"),
    ],
    ids=["empty", "most", "more", "most, bearer", "more, bearer"],
)
async def test_long_credential(time: FakeTime, name: str, sent: str, said: str) -> None:
    """A credential over 8 KiB is refused for its length, and is not looked up."""
    async with door(time) as client:
        answer = await client.get("/v1/tasks", headers={name: sent})

    assert answer.headers["www-authenticate"] == 'Bearer realm="taskgate", error="invalid_token"'
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 307), ("/docs", 200),
     ("/redoc", 200), ("/openapi.json", 200), ("/static/docs.css", 200), ("/problems", 200),
     ("/problems/internal", 200), ("/v1/tasks", 401), ("/v1/tasks/eu2.1", 401),
     ("/v1/accounts", 401), ("/nowhere", 401), ("/healthz/", 401), ("/%2Fhealthz", 401),
     ("/static", 401), ("/v1/admin/explain", 401)],
)  # fmt: skip
async def test_public(time: FakeTime, path: str, status: int) -> None:
    """Probes, figures and documentation are for everybody; all else is not, known or unknown."""
    async with door(time, docs=True) as client:
        found = [(await client.request(verb, path)).status_code for verb in ("GET", "HEAD")]

    assert found == [status, status]


async def test_guessers(time: FakeTime) -> None:
    """Failures of an address end in 429; a good key from there always passes."""
    async with door(time) as client:
        codes = [
            (await client.get("/v1/tasks", headers=BAD)).status_code
            for _ in range(FAILURES_BURST + 2)
        ]
        last = await client.get("/v1/tasks", headers=BAD)
        good = await client.get("/v1/tasks", headers=bearer("bi"))

    assert codes == [401] * FAILURES_BURST + [429] * 2
    assert (last.json()["code"], last.headers["retry-after"]) == ("rate-limited", "2")
    assert good.status_code == 200


@pytest.mark.parametrize(
    ("trusted", "status"), [(["127.0.0.0/8"], 401), (["10.0.0.0/8"], 429)], ids=["yes", "no"]
)
async def test_proxies(time: FakeTime, trusted: list[str], status: int) -> None:
    """`X-Forwarded-For` counts from a trusted proxy alone: else a guesser had many addresses."""
    async with door(time, trusted_proxies=trusted) as client:
        for number in range(FAILURES_BURST + 1):
            headers = BAD | {"X-Forwarded-For": f"8.8.8.8, 192.0.2.{number}"}
            answer = await client.get("/v1/tasks", headers=headers)

    assert answer.status_code == status


async def test_accounts(time: FakeTime) -> None:
    """An account outside the scope is not listed, and denied when it is asked for by name."""
    async with door(time) as client:
        listed = (await client.get("/v1/accounts", headers=bearer("shop"))).json()["items"]
        codes = [
            (await client.get(f"/v1/tasks?account={alias}", headers=bearer("shop"))).json()["code"]
            for alias in ("eu2", "eu2,us", "nowhere")
        ]

    assert [each["account"] for each in listed] == ["us"]
    assert codes == ["scope-denied", "scope-denied", "account-not-found"]


async def test_told(time: FakeTime) -> None:
    """The log line names the consumer; the figures count who was not let in."""
    async with door(time) as client:
        with capture_logs() as logs:
            await client.get("/v1/tasks", headers=bearer("bi"))
            await client.get("/v1/tasks", headers=BAD)
            await client.get("/v1/tasks")
        figures = (await client.get("/metrics")).text

    lines = [line for line in logs if line["event"] == "request_served"]
    assert [line.get("consumer") for line in lines] == ["bi", None, None]
    assert {line["route"] for line in lines} == {"/v1/tasks"}
    assert [line.get("problem") for line in lines] == [None, "unauthenticated", "unauthenticated"]
    for sent in ("refused", "missing"):
        assert f'taskgate_unauthenticated_total{{credentials="{sent}"}} 1.0' in figures


async def test_token(time: FakeTime) -> None:
    """A token of the issuer stands for the consumer it names, and for nobody else."""
    issuer = FakeIssuer(ec_key())

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=await issuer.fetch(str(request.url)))

    settings = configured(
        "eu2",
        oidc=OidcSettings(issuer=ISSUER, audience=AUDIENCE),
        **required(bi={}) | {"consumers": {"bi": consumer("bi")}},
    )
    platforms: dict[str, Any] = {"eu2": FakeUpstream(), "issuer": httpx.MockTransport(answer)}
    until = int(time.clock()) + 60
    async with running(built(settings, network(platforms), time)) as client:
        sent = [token(exp=until), token(exp=until), token(exp=until, azp="nobody"), b"tg_nobody"]
        sent.append(b"eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwiY3JpdCI6NX0.e30.AAAA")  # "crit": 5
        codes = [
            (await client.get("/v1/tasks", headers={"X-API-Key": each.decode()})).status_code
            for each in sent
        ]

    assert codes == [200, 200, 401, 401, 401]
    assert len(issuer.asked) == 2


def test_recall() -> None:
    """Without waiting a guard knows every key, and refuses who presents nothing."""
    roster = Roster(
        configured("eu2", **required(bi={})),
        salt=b"s",
        monotonic=lambda: 0.0,
        reloaded=lambda _: None,
    )
    guard = Guard(roster, None)
    found = guard.recall([(b"x-api-key", key_of("bi").encode())])

    assert found is not None
    assert found.name == "bi"
    assert guard.recall([(b"x-api-key", b"tg_nobody")]) is None
    with pytest.raises(UnauthenticatedError):
        guard.recall([])


async def test_one_of_many(time: FakeTime) -> None:
    """One consumer's waiting requests never take the places of the others."""
    held = anyio.Event()

    async def hang(_scope: ASGIScope, _receive: Receive, _send: Send) -> None:
        await held.wait()

    told = configured("eu2", **required(bi={}, shop={}))
    roster = Roster(told, salt=b"s", monotonic=time.monotonic, reloaded=lambda _: None)
    door = Authentication(
        hang, guard=Guard(roster, None), limiter=Limiter(monotonic=time.monotonic),
        failures=FailureLimiter(monotonic=time.monotonic), refused=lambda _: None, most=2,
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(ask(door, name)) for name in ("bi", "bi", "bi", "shop")]
        await anyio.wait_all_tasks_blocked()
        assert [each.done() for each in waiting] == [False, False, True, False]
        held.set()

    assert [each.result() for each in waiting] == [None, None, "overloaded", None]
    assert [await ask(door, "bi") for _ in range(3)] == [None] * 3


async def ask(door: Authentication, name: str) -> str | None:
    """Send one request past the door; return the code of the refusal."""
    field = (b"x-api-key", key_of(name).encode())
    scope = {"type": "http", "path": "/v1/tasks", "headers": [field], "state": {}, LATE_HEADERS: []}
    try:
        await door(scope, Request(scope).receive, nowhere)
    except OverloadedError as error:
        return error.slug
    return None


async def test_places(time: FakeTime) -> None:
    """A consumer has 512 of 2,048 places, so four fill the house, as the threat model says."""
    upstream = FakeUpstream(clock=time.clock)
    upstream.gate.clear()
    asked = {"bi": 513, "shop": 512, "portal": 512, "desk": 512, "late": 1}
    settings = configured("eu2", **required(**{name: {} for name in asked}))
    app = built(settings, network({"eu2": upstream}), time)
    async with running(app), asyncio.TaskGroup() as group:
        names = [name for name, times in asked.items() for _ in range(times)]
        waiting = [group.create_task(detail(app, name)) for name in names]
        await anyio.wait_all_tasks_blocked()
        told = [each.result() for each in waiting if each.done()]
        for each in waiting:
            each.cancel()

    assert told == [
        "Too many of your requests are running here.",
        "Too many requests are running here.",
    ]
    assert "at most 512 of the 2,048 requests at a time" in THREATS.read_text(encoding="utf-8")


async def detail(app: FastAPI, name: str) -> str:
    """Ask the whole service for tasks, and return what the problem that comes says."""
    said: list[Message] = []

    async def stay() -> Message:
        await anyio.sleep_forever()
        return {}

    async def note(message: Message) -> None:
        said.append(message)

    await app(asked(key_of(name).encode()), stay, note)
    return str(json.loads(said[1]["body"])["detail"])


def asked(credential: bytes) -> dict[str, Any]:
    """Return the scope of a request with this key or token."""
    scope = {"type": "http", "method": "GET", "path": "/v1/tasks", "query_string": b""}
    return scope | {"headers": [(b"x-api-key", credential)]}


async def test_issuer_hangs(time: FakeTime) -> None:
    """Who waits for the issuer's keys leaves with its caller; a crowd of them locks out nobody."""
    hanging, gone = anyio.Event(), anyio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        await hanging.wait()
        return httpx.Response(500)

    async def leave() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    oidc = OidcSettings(issuer=ISSUER, audience=AUDIENCE)
    platforms: dict[str, Any] = {"eu2": FakeUpstream(), "issuer": httpx.MockTransport(hang)}
    app = built(configured("eu2", oidc=oidc, **required(bi={})), network(platforms), time)
    async with running(app) as client, asyncio.TaskGroup() as group:
        crowd = [group.create_task(app(asked(token()), leave, nowhere)) for _ in range(WAITING_MAX)]
        await anyio.wait_all_tasks_blocked()
        late = await client.get("/v1/tasks", headers={"X-API-Key": token().decode()})
        let_in = await client.get("/v1/tasks", headers=bearer("bi"))
        gone.set()
        async with asyncio.timeout(5):
            await asyncio.wait(crowd)
        hanging.set()

    assert (late.status_code, late.json()["code"], let_in.status_code) == (503, "overloaded", 200)


async def nowhere(_: Message) -> None:
    """Send nothing."""


async def test_off(time: FakeTime) -> None:
    """Switched off, everybody is one consumer without a rate, and no key is looked at."""
    async with door(time, auth="off") as client:
        answer = await client.get("/v1/tasks", headers=BAD)

    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
