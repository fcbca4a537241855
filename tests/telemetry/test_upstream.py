"""The figures of the platform side."""

import pytest
from prometheus_client import CollectorRegistry

from app.telemetry.upstream import UpstreamMetrics


class Clock:
    """A clock that a test moves by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Return the seconds it shows."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at 100 s."""
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry, clock: Clock) -> UpstreamMetrics:
    """Figures that count nothing yet."""
    return UpstreamMetrics(registry, monotonic=clock)


def _value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"taskgate_{name}", labels)


def test_upstream(registry: CollectorRegistry, metrics: UpstreamMetrics) -> None:
    """A call to the platform is counted by account, endpoint and outcome, and timed."""
    metrics.called(account="eu2", endpoint="tasks", outcome="5xx", seconds=2.0)
    metrics.retry_scheduled(account="eu2", endpoint="tasks")

    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(registry, "upstream_calls_total", outcome="5xx", **labels) == 1
    assert _value(registry, "upstream_call_duration_seconds_sum", **labels) == 2
    assert _value(registry, "upstream_retries_total", **labels) == 1


def test_token(registry: CollectorRegistry, metrics: UpstreamMetrics, clock: Clock) -> None:
    """A token's age runs from its refresh to the next; a failure doesn't touch it."""
    metrics.token_refreshed(account="eu2", lifetime_s=7200)
    clock.now += 30
    metrics.token_refresh_failed(account="eu2")
    aged = _value(registry, "token_age_seconds", account="eu2")
    metrics.token_refreshed(account="eu2", lifetime_s=3600)

    assert aged == 30
    assert _value(registry, "token_age_seconds", account="eu2") == 0
    assert _value(registry, "token_lifetime_seconds", account="eu2") == 3600
    assert _value(registry, "token_refreshes_total", account="eu2", outcome="ok") == 2
    assert _value(registry, "token_refreshes_total", account="eu2", outcome="failed") == 1


def test_items(registry: CollectorRegistry, metrics: UpstreamMetrics) -> None:
    """A page's items are counted, with lost fields, unreadable items and each anomaly."""
    anomalies = {"unreadable": 2, "clock_skew": 1}
    metrics.items_read(account="eu2", count=10, dropped=3, anomalies=anomalies)
    metrics.items_read(account="eu2", count=5, dropped=0, anomalies={})

    assert _value(registry, "items_read_total", account="eu2") == 15
    assert _value(registry, "fields_dropped_total", account="eu2") == 3
    assert _value(registry, "items_unreadable_total", account="eu2") == 2
    assert _value(registry, "anomalies_total", account="eu2", anomaly="clock_skew") == 1


def test_gate(registry: CollectorRegistry, metrics: UpstreamMetrics) -> None:
    """Turns are timed, those refused and the closures counted, retries forgone too."""
    metrics.turn_taken(account="eu2", waited_s=0.5)
    metrics.turn_refused(account="eu2", reason="overloaded")
    metrics.gate_closed(account="eu2")
    metrics.retry_forgone(account="eu2", endpoint="tasks")

    assert _value(registry, "gate_wait_seconds_sum", account="eu2") == 0.5
    assert _value(registry, "gate_refusals_total", account="eu2", reason="overloaded") == 1
    assert _value(registry, "gate_closures_total", account="eu2") == 1
    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(registry, "upstream_retries_forgone_total", **labels) == 1


def test_breaker(registry: CollectorRegistry, metrics: UpstreamMetrics) -> None:
    """Exactly the state that a breaker is in is 1."""
    for state in ("open", "half_open"):
        metrics.breaker_moved(account="eu2", part="api", state=state)
    states = {
        state: _value(registry, "breaker_state", account="eu2", part="api", state=state)
        for state in ("closed", "half_open", "open")
    }

    assert states == {"closed": 0, "half_open": 1, "open": 0}
