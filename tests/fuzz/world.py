"""Two accounts in which everything of a tenant bears a mark that no request can hold."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from fastapi import FastAPI

from app.api.consumers import is_public
from app.settings import OidcSettings
from tests.fuzz import tokens
from tests.support.consumers import AUDIENCE, ISSUER, bearer, required
from tests.support.estate import BAKERY, NORTH, NORTH_UUID, PARTNER
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network
from tests.support.upstream import FakeUpstream, a_task, an_activity

ACCOUNTS = ("eu2", "us")
TENANTS = {"n": NORTH, "b": BAKERY}
_RICH = {"rate": "999999/s"}
CONSUMERS: dict[str, dict[str, Any]] = {
    "all": _RICH,
    "admin": _RICH | {"admin": True},
    "north": _RICH | {"tenants": NORTH},
    "uuid": _RICH | {"tenants": NORTH_UUID},
    "bakery": _RICH | {"tenants": BAKERY, "accounts": "eu2"},
    "us": _RICH | {"accounts": "us"},
    tokens.KIND: _RICH | {"tenants": NORTH},
    "poor": {"tenants": NORTH, "rate": "1/s"},
}
KINDS = (
    "all",
    "admin",
    "north",
    "north",
    "uuid",
    "bakery",
    "bakery",
    "us",
    "poor",
    "stranger",
    *[tokens.KIND] * 2,
    "",
)
"""Who asks, as often as they stand here; the last has no key."""
SECRET = "cnrysecret"
_PATH_END = re.compile(rb"[?#]")

# A mark says of which account and tenant it is; the marked ids are told by their first digits.
_MARK = re.compile(rb"cnry(secret|eu2|us)([nb]?)|70707070-?([12])([12])00")
_KEY = re.compile(rb"tg_0{20}")  # of `key_of`: what is random never looks like it


class World(NamedTuple):
    """The service, its clock, and the platforms that it asks."""

    app: FastAPI
    time: FakeTime
    platforms: Collection[FakeUpstream]

    def forget(self) -> None:
        """Drop what the platforms were asked: the framework keeps every app in memory."""
        for platform in self.platforms:
            platform.requests.clear()


def world() -> World:
    """Build a service that nobody has asked anything."""
    time = FakeTime()
    platforms = {alias: _platform(alias, time) for alias in ACCOUNTS}
    settings = configured(
        *ACCOUNTS,
        secret=SECRET,
        docs=True,
        cursor_secret="of the fuzz alone, so that its cursors are the same again",
        cache={"max_bytes": 1_048_576},
        cors_origins=["https://app.example.org"],
        trusted_proxies=["192.0.2.0/24"],
        oidc=OidcSettings(issuer=ISSUER, audience=AUDIENCE),
        **required(**CONSUMERS),
    )
    accounts = {
        alias: account.model_copy(update={"url": f"https://cnry{alias}.example"})
        for alias, account in settings.accounts.items()
    }
    settings = settings.model_copy(update={"accounts": accounts})
    at = {f"cnry{alias}": platform for alias, platform in platforms.items()}
    there = network(at | {"issuer": tokens.issuer()})
    return World(built(settings, there, time), time, platforms.values())


def credentials(kind: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that say who asks."""
    if not kind:
        return []
    if kind == tokens.KIND:
        return [(b"Authorization", b"Bearer " + tokens.good())]
    return [(b"Authorization", bearer(kind)["Authorization"].encode())]


def scope_of(kind: str, target: bytes) -> str:
    """Return whose things this consumer sees at `target`, in words: equal words share what is kept.

    The accounts don't count: about one account all who may see it ask the same question. What is
    public is the same for everybody.
    """
    if is_public(unquote(_PATH_END.split(target)[0], "latin-1")):
        return "everybody"
    return f"{kind in CONSUMERS} {CONSUMERS.get(kind, {}).get('tenants')}"


def betrayed(kind: str, told: bytes) -> set[bytes]:
    """Return the marks in `told` that are not for this consumer, and any key, token or secret."""
    found = {match[0] for match in _MARK.finditer(told) if not _may_see(kind, match)}
    claims = tokens.good().split(b".")[1]
    return found | set(_KEY.findall(told)) | ({claims} if claims in told else set())


def _may_see(kind: str, mark: re.Match[bytes]) -> bool:
    if mark[3]:
        account, tenant = ACCOUNTS[int(mark[3]) - 1], "nb"[int(mark[4]) - 1]
    else:
        account, tenant = mark[1].decode(), mark[2].decode()
    scope = CONSUMERS.get(kind)
    if scope is None or account == "secret":
        return False
    tenants = {NORTH: "n", NORTH_UUID: "n", BAKERY: "b"}.get(scope.get("tenants", ""), "nb")
    return account in scope.get("accounts", "eu2,us").split(",") and (
        not tenant or tenant in tenants
    )


def _platform(alias: str, time: FakeTime) -> FakeUpstream:
    platform = FakeUpstream(client_secret=SECRET, clock=time.clock)
    platform.tasks = list(_tasks(alias))
    platform.activities = [
        an_activity(each["id"] + 500, each["id"], **_marked(alias, each["tag"], each["id"] + 500))
        for each in platform.tasks
    ]
    return platform


def _tasks(alias: str) -> Iterator[dict[str, Any]]:
    """Two tasks of each tenant can be asked for by an id, two by none that anybody could guess."""
    states = ("completed", "started", "enqueued")
    for place, tenant in enumerate(TENANTS, 1):
        hidden = int(f"70707070{ACCOUNTS.index(alias) + 1}{place}00")
        for number in (place, place + 2, hidden, hidden + 1):
            yield a_task(
                number,
                state=states[number % 3],
                **_marked(alias, tenant, number),
                tag=tenant,
            )


def _marked(alias: str, tenant: str, number: int) -> dict[str, Any]:
    """Return fields of which each holds the mark."""
    mark, place = f"cnry{alias}{tenant}", list(TENANTS).index(tenant) + 1
    head = (
        f"70707070-{ACCOUNTS.index(alias) + 1}{place}" if number > 9_999 else f"00000000-0{place}"
    )
    owner: dict[str, Any] = {
        "id": TENANTS[tenant],
        "name": mark,
        "locator": f"/1/{PARTNER}/{TENANTS[tenant]}/",
    }
    if tenant == "n":
        owner["uuid"] = NORTH_UUID
    return {
        "uuid": f"{head}00-4000-8000-{number % 10_000:012}",
        "tenant": owner,
        "startedByUser": mark,
        "tags": [mark],
        "executor": {"id": mark, "clusterId": mark},
        "resource": {"id": mark, "name": mark, "type": mark},
        "policy": {"id": mark, "name": mark, "type": "backup"},
        "context": {"title": mark, "effect_str": mark, "cause_str": mark},
        "result": {
            "code": "error",
            "error": {"reason": mark, "code": mark},
            "payload": {mark: mark},
        },
    }
