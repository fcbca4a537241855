"""No byte about a tenant outside of a consumer's scope leaves, by whatever way, hot or cold."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.estate import TENANTS
from tests.support.consumers import bearer, required
from tests.support.platform import UNIX, FakeTime
from tests.support.serving import built, configured, network
from tests.support.wire import TRACEPARENT

SCOPES = {
    "everything": {},
    "bakery": {"tenants": "1496301"},
    "north": {"tenants": "1496310"},
    "south": {"tenants": TENANTS[8].uuid},
    "demo": {"tenants": "1496322", "accounts": "eu2"},
    "two": {"tenants": "1496265,1496312"},
    "partner": {"tenants": "1496262"},
}
SCOPED = [name for name, scope in SCOPES.items() if scope]


NAMED = [(b"x-request-id", b"asked"), (b"traceparent", TRACEPARENT.encode())]


class World(NamedTuple):
    """The service over two sandboxes that stand still, and everything that is in them."""

    app: FastAPI
    time: FakeTime
    tasks: list[dict[str, Any]]
    activities: list[dict[str, Any]]


@cache
def world() -> World:
    """Build it once; what is kept by a draw is hot for the next."""
    time = FakeTime()
    sandbox = create_sandbox(clock=time.clock, history_days=1)
    rich = {"rate": "999999/s"}
    settings = configured(
        "eu2",
        "us",
        client_id=DEFAULT_CLIENT_ID,
        secret=DEFAULT_CLIENT_SECRET,
        upstream={"rate": "10000/s"},
        **required(**{name: scope | rich for name, scope in SCOPES.items()}),
    )
    transport = network({name: httpx.ASGITransport(sandbox) for name in ("eu2", "us")})
    now_ns, dataset = int(UNIX * 1_000_000_000), sandbox.state.dataset
    app = built(settings, transport, time)
    return World(app, time, dataset.tasks(now_ns), dataset.activities(now_ns))


@cache
def secrets_of(scope: str) -> frozenset[str]:
    """Return what would betray something outside: ids, UUIDs and names, as answers spell them."""
    allowed = set(str(SCOPES[scope]["tenants"]).split(","))
    numbers = {each.id for each in TENANTS if each.uuid in allowed or each.id in allowed}
    inside = [each for each in TENANTS if numbers & set(each.locator.split("/"))]
    above = {number for each in inside for number in each.locator.split("/")}
    outside = {each.id: each for each in TENANTS if each not in inside}
    found = {text for each in outside.values() for text in (each.name, each.uuid)}
    found |= outside.keys() - above
    items = [
        item for item in (*world().tasks, *world().activities) if item["tenant"]["id"] in outside
    ]
    seen = [item for item in (*world().tasks, *world().activities) if item not in items]
    shared = {str(item["id"]) for item in seen} | {item["uuid"] for item in seen}
    found |= {str(item["id"]) for item in items} | {item["uuid"] for item in items}
    return frozenset(json.dumps(text, ensure_ascii=False)[1:-1] for text in found - shared)


def items() -> st.SearchStrategy[dict[str, Any]]:
    """Draw any task or activity of any tenant."""
    return st.sampled_from([*world().tasks, *world().activities])


@st.composite
def targets(draw: st.DrawFn) -> str:
    """Draw a path with its query, about anything that there is."""
    item = draw(items())
    text = draw(st.sampled_from([str(item["id"]), item["uuid"]]))
    alias = draw(st.sampled_from(["", "eu2.", "us."]))
    noun = draw(st.sampled_from(["tasks", "activities"]))
    path = draw(
        st.sampled_from(
            [f"/v1/{noun}", f"/v1/{noun}", f"/v1/{noun}/{alias}{text}",
             f"/v1/tasks/{alias}{text}/activities", "/v1/accounts",
             "/v1/admin/explain"]
        )
    )  # fmt: skip
    tenant = draw(st.sampled_from(TENANTS))
    pairs = draw(
        st.lists(
            st.sampled_from(
                [("limit", "3"), ("limit", "1000"), ("include", "raw"), ("include", "activities"),
                 ("include", "raw,result_payload,activities"), ("tenant", tenant.id),
                 ("tenant", tenant.uuid), ("tenant_scope", "exact"), ("id", alias + text),
                 ("status", "failed"), ("sort", "updated_at"), ("account", "eu2"),
                 ("resource_name", "~a"), ("task", alias + text), ("view", "tree"),
                 ("created_after", "24h"), ("max_age", "0"), ("cached_only", "true"),
                 ("max_stale", "99"), ("partial", "deny"), ("fields", "id,tenant")]
            ),
            max_size=3,
        )
    )  # fmt: skip
    return f"{path}?{'&'.join(f'{name}={quote(value)}' for name, value in pairs)}"


class Answer(NamedTuple):
    """What left the service."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes:
        """Return the header `name`, empty when it is not there."""
        return dict(self.headers).get(name, b"")

    def betrays(self, scope: str, sent: bytes) -> set[str]:
        """Return the words that are not for `scope`, but for those that the caller sent."""
        words = b"\n".join([*(value for _, value in self.headers), self.body]).decode(
            errors="replace"
        )
        known = (
            unquote(sent.decode("latin-1"), errors="replace") + quote(sent) + sent.decode("latin-1")
        )
        return {word for word in secrets_of(scope) if word in words and word not in known}


async def ask(
    app: FastAPI, target: bytes, headers: Iterable[tuple[bytes, bytes]], method: str = "GET"
) -> Answer:
    """Hand a request to `app` as the server would, byte for byte.

    It has an id and a trace: in those that are drawn any number may stand by chance.
    """
    path, _, query = target.partition(b"?")
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
             "scheme": "http", "path": unquote(path.decode("latin-1"), errors="replace"),
             "raw_path": path, "query_string": query, "root_path": "",
             "headers": [*headers, *NAMED], "client": ("192.0.2.1", 1),
             "server": ("gate", 80)}  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in told[1:])
    return Answer(told[0]["status"], told[0]["headers"], body)


def key(name: str) -> list[tuple[bytes, bytes]]:
    """Return the header that `name` sends."""
    return [(b"authorization", bearer(name)["Authorization"].encode())]


def test_there_is_something_to_betray() -> None:
    """The search is for words that those who see everything read all the time."""
    assert {name: len(secrets_of(name)) > 100 for name in SCOPED} == {
        name: name != "partner" for name in SCOPED
    }


@settings(suppress_health_check=list(HealthCheck))
@given(targets(), st.sampled_from(SCOPED), st.booleans(), st.sampled_from([0.0, 0.0, 3.0, 11.0]))
async def test_no_byte(target: str, name: str, hot: bool, later_s: float) -> None:  # noqa: FBT001
    """Whatever is asked, and whoever asked before, what is outside is in no byte of the answer."""
    app, time, *_ = world()
    time.now += later_s
    sent = target.encode()
    foreign = await ask(app, sent, key("everything")) if hot else None
    etag = foreign.header(b"etag") if foreign else b""
    found = [await ask(app, sent, [*key(name), (b"if-none-match", etag)]) for _ in range(2)]
    if foreign and b'"next":"' in foreign.body:
        walk = json.loads(foreign.body)["page"]["next"].encode()
        found.append(await ask(app, walk, key(name)))

    assert not {answer.status for answer in found} & {304, 500}
    assert [answer.betrays(name, sent) for answer in found] == [set()] * len(found)
