"""Sandboxes behind the gateway, and everything that they hold."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.types import Message, Scope

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from tests.oracle.truth import Item, Noun
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network, running

HISTORY_DAYS = 1
# A walk that never ends is a finding too.
PAGES_MAX = 400


class _Page(msgspec.Struct):
    items: list[dict[str, msgspec.Raw]]


@dataclass(frozen=True)
class Walked:
    """What a whole walk gave: items in order, also as bytes by key, or the code of a refusal."""

    items: list[dict[str, Any]]
    sizes: list[int]
    missing: list[set[str] | None]
    code: str | None = None
    raws: list[dict[str, msgspec.Raw]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids, in order."""
        return [item["id"] for item in self.items]


class World:
    """A gateway over sandboxes with one clock; everything runs on the loop of `runner`."""

    def __init__(
        self,
        runner: asyncio.Runner,
        app: FastAPI,
        client: httpx.AsyncClient,
        time: FakeTime,
        sandboxes: Mapping[str, Starlette],
    ) -> None:
        self._runner = runner
        self._app = app
        self._client = client
        self.time = time
        self._sandboxes = sandboxes
        self.accounts = sorted(sandboxes)

    @property
    def now_ns(self) -> int:
        """The instant that the clock shows."""
        return int(self.time.clock() * 1e9)

    def items(self, noun: Noun) -> list[Item]:
        """Return everything that there is now."""
        return [
            Item(noun, alias, sent)
            for alias, sandbox in self._sandboxes.items()
            for sent in getattr(sandbox.state.dataset, noun)(self.now_ns)
        ]

    def walk(self, noun: Noun, query: str, *, step_s: float = 0) -> Walked:
        """Return what a walk gives; the clock goes on by `step_s` after each page."""
        return self._runner.run(self._walk(f"/v1/{noun}?{query}", step_s))

    def get(self, path: str) -> httpx.Response:
        """Return one answer."""
        return self._runner.run(self._client.get(path))

    def status(self, path: str, query: bytes) -> int:
        """Return how a target is answered that no client would send."""
        return self._runner.run(self._status(path, query))

    async def _status(self, path: str, query: bytes) -> int:
        statuses = []
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": [(b"host", b"gate")],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app(scope, receive, send)
        (status,) = statuses
        return int(status)

    async def _walk(self, path: str, step_s: float) -> Walked:
        walked = Walked([], [], [])
        following: str | None = path
        while following:
            answer = await self._client.get(following)
            body = answer.json()
            if answer.status_code != httpx.codes.OK:
                return Walked([], [], [], body["code"])
            walked.items.extend(body["items"])
            walked.raws.extend(msgspec.json.decode(answer.content, type=_Page).items)
            walked.notes.extend(body["meta"]["notes"])
            walked.sizes.append(len(body["items"]))
            walked.missing.append(
                None if body["meta"]["missing_ids"] is None else set(body["meta"]["missing_ids"])
            )
            following = body["page"]["next"]
            assert (following is not None) == body["page"]["has_more"]
            assert len(walked.sizes) < PAGES_MAX, "the walk has no end"
            self.time.now += step_s
        return walked


@contextmanager
def world(
    seeds: Mapping[str, int], *, history_days: int = HISTORY_DAYS, **changes: Any
) -> Iterator[World]:
    """Serve a sandbox for each alias of `seeds`; `changes` are those of `configured`."""
    time = FakeTime()
    sandboxes = {
        alias: create_sandbox(clock=time.clock, seed=seed, history_days=history_days)
        for alias, seed in seeds.items()
    }
    transports = {alias: httpx.ASGITransport(each) for alias, each in sandboxes.items()}
    login: dict[str, Any] = {"client_id": DEFAULT_CLIENT_ID, "secret": DEFAULT_CLIENT_SECRET}
    stack = AsyncExitStack()
    app = built(configured(*seeds, **login, **changes), network(transports), time)
    with asyncio.Runner() as runner:
        client = runner.run(stack.enter_async_context(running(app)))
        try:
            served = World(runner, app, client, time, sandboxes)
            learn_tenants(served)
            yield served
        finally:
            runner.run(stack.aclose())


def learn_tenants(served: World) -> None:
    """Let the gateway see an item of each tenant, after which UUIDs stand for subtrees too."""
    uuids = {item.at("tenant", "uuid") for item in served.items("tasks")} - {None}
    served.walk("tasks", f"limit=1000&tenant={','.join(sorted(uuids))}")
