"""The figures of the cache."""

from prometheus_client import CollectorRegistry

from app.telemetry.cache import CacheCollector
from tests.support.edge import Figures


def _value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"taskgate_{name}", labels)


def test_figures() -> None:
    """The cache's own figures are shown as they stand at the scrape."""
    registry = CollectorRegistry()
    registry.register(CacheCollector(Figures))

    assert _value(registry, "cache_bytes") == 2048
    assert _value(registry, "cache_entries") == 2
    assert _value(registry, "cache_evictions_total") == 0
    assert _value(registry, "cache_lookups_total", outcome="hit") == 5
    assert _value(registry, "cache_lookups_total", outcome="miss") == 3
    assert _value(registry, "cache_lookups_total", outcome="collapsed") == 1
    assert _value(registry, "cache_lookups_total", outcome="stale") == 4
    assert _value(registry, "cache_refreshes_total") == 2
    assert _value(registry, "cache_stale_if_error_total") == 1
