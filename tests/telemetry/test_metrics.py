"""The figures of one service."""

import pytest
from prometheus_client import REGISTRY, generate_latest

from app.telemetry.metrics import Metrics
from tests.support.edge import Figures


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
def metrics(clock: Clock) -> Metrics:
    """Figures that count nothing yet."""
    return Metrics(version="1.2.3", monotonic=clock, cache_figures=Figures)


def _value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"taskgate_{name}", labels)


def test_request(metrics: Metrics) -> None:
    """An answer is counted by route, method, status and cache outcome, and timed by route."""
    metrics.request_served(route="/v1/tasks", method="GET", status=200, cache="hit", seconds=0.25)

    labels = {"route": "/v1/tasks", "method": "GET", "status": "200", "cache": "hit"}
    assert _value(metrics, "requests_total", **labels) == 1
    assert _value(metrics, "request_duration_seconds_sum", route="/v1/tasks") == 0.25


def test_upstream(metrics: Metrics) -> None:
    """A call to the platform is counted by account, endpoint and outcome, and timed."""
    metrics.upstream_called(account="eu2", endpoint="tasks", outcome="5xx", seconds=2.0)
    metrics.retry_scheduled(account="eu2", endpoint="tasks")

    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(metrics, "upstream_calls_total", outcome="5xx", **labels) == 1
    assert _value(metrics, "upstream_call_duration_seconds_sum", **labels) == 2
    assert _value(metrics, "upstream_retries_total", **labels) == 1


def test_token(metrics: Metrics, clock: Clock) -> None:
    """A token's age runs from its refresh to the next; a failure doesn't touch it."""
    metrics.token_refreshed(account="eu2", lifetime_s=7200)
    clock.now += 30
    metrics.token_refresh_failed(account="eu2")
    aged = _value(metrics, "token_age_seconds", account="eu2")
    metrics.token_refreshed(account="eu2", lifetime_s=3600)

    assert aged == 30
    assert _value(metrics, "token_age_seconds", account="eu2") == 0
    assert _value(metrics, "token_lifetime_seconds", account="eu2") == 3600
    assert _value(metrics, "token_refreshes_total", account="eu2", outcome="ok") == 2
    assert _value(metrics, "token_refreshes_total", account="eu2", outcome="failed") == 1


def test_items(metrics: Metrics) -> None:
    """A page's items are counted, with lost fields, unreadable items and each anomaly."""
    anomalies = {"unreadable": 2, "clock_skew": 1}
    metrics.items_read(account="eu2", count=10, dropped=3, anomalies=anomalies)
    metrics.items_read(account="eu2", count=5, dropped=0, anomalies={})

    assert _value(metrics, "items_read_total", account="eu2") == 15
    assert _value(metrics, "fields_dropped_total", account="eu2") == 3
    assert _value(metrics, "items_unreadable_total", account="eu2") == 2
    assert _value(metrics, "anomalies_total", account="eu2", anomaly="clock_skew") == 1


def test_cache(metrics: Metrics) -> None:
    """The cache's own figures are shown as they stand at the scrape."""
    assert _value(metrics, "cache_bytes") == 2048
    assert _value(metrics, "cache_entries") == 2
    assert _value(metrics, "cache_evictions_total") == 0
    assert _value(metrics, "cache_lookups_total", outcome="hit") == 5
    assert _value(metrics, "cache_lookups_total", outcome="miss") == 3
    assert _value(metrics, "cache_lookups_total", outcome="collapsed") == 1
    assert _value(metrics, "cache_lookups_total", outcome="stale") == 4
    assert _value(metrics, "cache_refreshes_total") == 2
    assert _value(metrics, "cache_stale_if_error_total") == 1


def test_build(metrics: Metrics) -> None:
    """The version that runs is shown."""
    assert b"taskgate_build_info{" in generate_latest(metrics.registry)
    assert b'version="1.2.3"' in generate_latest(metrics.registry)


def test_apart(metrics: Metrics, clock: Clock) -> None:
    """Two services in one process count apart, and neither in the library's global registry."""
    other = Metrics(version="1.2.3", monotonic=clock, cache_figures=Figures)
    metrics.retry_scheduled(account="eu2", endpoint="tasks")

    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(other, "upstream_retries_total", **labels) is None
    assert b"taskgate_" not in generate_latest(REGISTRY)


def test_gate(metrics: Metrics) -> None:
    """Turns are timed, those refused and the closures counted, retries forgone too."""
    metrics.turn_taken(account="eu2", waited_s=0.5)
    metrics.turn_refused(account="eu2", reason="overloaded")
    metrics.gate_closed(account="eu2")
    metrics.retry_forgone(account="eu2", endpoint="tasks")

    assert _value(metrics, "gate_wait_seconds_sum", account="eu2") == 0.5
    assert _value(metrics, "gate_refusals_total", account="eu2", reason="overloaded") == 1
    assert _value(metrics, "gate_closures_total", account="eu2") == 1
    labels = {"account": "eu2", "endpoint": "tasks"}
    assert _value(metrics, "upstream_retries_forgone_total", **labels) == 1


def test_breaker(metrics: Metrics) -> None:
    """Exactly the state that a breaker is in is 1."""
    for state in ("open", "half_open"):
        metrics.breaker_moved(account="eu2", part="api", state=state)
    states = {
        state: _value(metrics, "breaker_state", account="eu2", part="api", state=state)
        for state in ("closed", "half_open", "open")
    }

    assert states == {"closed": 0, "half_open": 1, "open": 0}


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
