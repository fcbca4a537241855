"""The figures of one service."""

import pytest
from prometheus_client import REGISTRY, generate_latest

from app.telemetry.metrics import Metrics
from tests.support.edge import Figures


@pytest.fixture
def metrics() -> Metrics:
    """Figures that count nothing yet."""
    return Metrics(version="1.2.3", monotonic=float, cache_figures=Figures)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"taskgate_{name}", labels)


def test_request(metrics: Metrics) -> None:
    """An answer is counted by route, method, status and cache outcome, and timed by route."""
    metrics.request_served(route="/v1/tasks", method="GET", status=200, cache="hit", seconds=0.25)

    labels = {"route": "/v1/tasks", "method": "GET", "status": "200", "cache": "hit"}
    assert _value(metrics, "requests_total", **labels) == 1
    assert _value(metrics, "request_duration_seconds_sum", route="/v1/tasks") == 0.25


def test_build(metrics: Metrics) -> None:
    """The version that runs is shown."""
    assert b"taskgate_build_info{" in generate_latest(metrics.registry)
    assert b'version="1.2.3"' in generate_latest(metrics.registry)


def test_apart(metrics: Metrics) -> None:
    """Two services in one process count apart, and neither in the library's global registry."""
    other = Metrics(version="1.2.3", monotonic=float, cache_figures=Figures)
    metrics.upstream.retry_scheduled(account="eu2", endpoint="tasks")

    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(other, "upstream_retries_total", **labels) is None
    assert b"taskgate_" not in generate_latest(REGISTRY)


def test_valkey(metrics: Metrics) -> None:
    """Whether Valkey answered last is told, and how often it did not; nothing where there is none.

    The figures name the part that asks, for there may be others.
    """
    untold = _value(metrics, "valkey_connected", part="rates")
    for ok in (True, False, False):
        metrics.access.rates_answered(ok)

    assert untold is None
    assert _value(metrics, "valkey_connected", part="rates") == 0
    assert _value(metrics, "valkey_failures_total", part="rates") == 2
