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
    ("started", "draining", "degraded", "code", "status"),
    [
        (True, False, False, 200, "ok"),
        (True, False, True, 200, "degraded"),
        (False, False, False, 503, "starting"),
        (True, True, False, 503, "draining"),
    ],
    ids=["ok", "degraded", "starting", "draining"],
)
async def test_ready(
    *, started: bool, draining: bool, degraded: bool, code: int, status: str
) -> None:
    """`/readyz` is 503 before the start is over and while draining; a platform's outage is 200."""
    built = edge()
    built.readiness.started, built.readiness.draining = started, draining
    built.readiness.degraded = lambda: degraded
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
