"""http-cache-tests (cache-tests.fyi) against the cache core, behind a thin HTTP proxy."""

import asyncio
import json
import re
import socket
import time
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from app.cache.answers import Clocks
from app.cache.cache import Cache
from tests.conformance.proxy import CachingProxy
from tests.support.live import program
from tests.support.node import FOLDER, installed

HOUSE = Path(__file__).parent.parent.parent
EXPECTED = HOUSE / "tests/data/expected/http-cache-tests.json"
PAGE = HOUSE / "docs/cache-conformance.md"

KINDS = ("required", "optimal", "check")
FINE = ("pass", "yes")
TIMEOUT_S: Final = 120  # it takes 20: the suite pauses for 3 s at a time

Outcome: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By kind: how many tests came to which verdict, and the verdict of each that is not fine."""


@pytest.fixture(scope="module")
async def outcome() -> Outcome:
    """Run the whole suite once: its client, our proxy, its origin."""
    installed()
    async with origin() as url, served(caching(url)) as base:
        suite = await asyncio.create_subprocess_exec(
            program("node"), str(FOLDER / "cache-suite.mjs"), base, stdout=PIPE
        )
        try:
            said, _ = await asyncio.wait_for(suite.communicate(), TIMEOUT_S)
        finally:
            if suite.returncode is None:
                suite.kill()
                await suite.wait()
    verdicts: dict[str, dict[str, str]] = json.loads(said)
    of_kind = {
        kind: {name: told["verdict"] for name, told in verdicts.items() if told["kind"] == kind}
        for kind in KINDS
    }
    return {
        kind: {
            "counts": dict(sorted(Counter(found.values()).items())),
            "not fine": {name: word for name, word in sorted(found.items()) if word not in FINE},
        }
        for kind, found in of_kind.items()
    }


@asynccontextmanager
async def origin() -> AsyncIterator[str]:
    """Run the suite's own origin; yields its address."""
    process = await asyncio.create_subprocess_exec(
        program("node"), str(FOLDER / "cache-origin.mjs"), stdout=PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an app with no header but its own; yields its address."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def caching(url: str) -> CachingProxy:
    """Return the proxy of an origin, on the machine's clocks.

    No TTL is spread, for the origin's word is not ours to stretch, nor is any of its answers good
    enough only because it is slow; so the draw is one half, and the soft time-out the hard one.
    """
    return CachingProxy(
        url,
        cache=Cache(
            max_bytes=64 * 2**20,
            clocks=Clocks(failure_ttl_s=2, not_found_ttl_s=5, stale_if_error_s=600, soft_wait_s=10),
            monotonic=time.monotonic,
            rand=lambda: 0.5,
        ),
        # The suite's origin sends bodies longer than it says, which spoils a connection.
        transport=httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0)),
        clock=time.time,  # noqa: TID251  # `Date` and `Expires` are of the wall
        monotonic=time.monotonic,
    )


@pytest.mark.machine
async def test_verdicts(outcome: Outcome, pytestconfig: pytest.Config) -> None:
    """Every test that is not passed is known, and every one that is known is not passed."""
    if pytestconfig.getoption("--rewrite-expected"):
        EXPECTED.write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    expected: Outcome = json.loads(EXPECTED.read_text(encoding="utf-8"))
    known, found = (
        {each for kind in KINDS for each in those[kind]["not fine"].items()}
        for those in (expected, outcome)
    )

    assert found <= known, f"newly not passed: {sorted(found - known)}"
    assert known <= found, f"newly passed: {sorted(known - found)}"
    assert outcome == expected


@pytest.mark.machine
async def test_required(outcome: Outcome) -> None:
    """At least 130 required tests pass; 20 fail at most, whatever they are excused by."""
    assert outcome["required"]["counts"]["pass"] >= 130
    assert len(outcome["required"]["not fine"]) <= 20


@pytest.mark.parametrize("kind", KINDS)
def test_page(kind: str) -> None:
    """docs/cache-conformance.md gives the counts, and explains each test that is not passed."""
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))[kind]
    section = (
        PAGE.read_text(encoding="utf-8").split(f"\n## {kind.capitalize()}")[1].split("\n## ")[0]
    )
    explained = [
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    ]
    counts = ", ".join(f"{word} {number}" for word, number in expected["counts"].items())

    assert f": {counts}" in section.splitlines()[0]
    assert sorted(explained) == sorted(expected["not fine"])
