"""Probes and figures."""

import pytest

from tests.support.edge import edge


async def test_alive() -> None:
    """`/healthz` answers while the process turns, whatever else is wrong, and is never cached."""
    built = edge()
    built.readiness.started = False
    async with built.client() as client:
        answer = await client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("states", "code", "status"),
    [
        ({"started"}, 200, "ok"),
        ({"started", "degraded"}, 200, "degraded"),
        ({"overloaded"}, 503, "starting"),
        ({"started", "draining", "overloaded"}, 503, "draining"),
        ({"started", "degraded", "overloaded"}, 503, "overloaded"),
    ],
    ids=["ok", "degraded", "starting", "draining", "overloaded"],
)
async def test_ready(states: set[str], code: int, status: str) -> None:
    """`/readyz` is 503 while nothing new can be asked here; a platform's outage is 200."""
    built = edge()
    built.readiness.started = "started" in states
    built.readiness.draining = "draining" in states
    built.readiness.degraded = lambda: "degraded" in states
    built.readiness.overloaded = lambda: "overloaded" in states
    async with built.client() as client:
        answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()) == (code, {"status": status})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
    ids=["prometheus", "openmetrics"],
)
async def test_metrics(accept: str, media_type: str) -> None:
    """`/metrics` shows the registry in the form that is asked for."""
    async with edge().client() as client:
        answer = await client.get("/metrics", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["cache-control"] == "no-store"
    assert "taskgate_build_info{" in answer.text
    assert "taskgate_cache_bytes 2048" in answer.text
