"""Figures of the cache, asked of it at each scrape, so that it knows nothing of metrics."""

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override


class CacheFigures(Protocol):
    """What a cache says of itself: what it holds now, and what happened since its start."""

    @property
    def bytes(self) -> int:
        """Bytes held, as the bound counts them."""

    @property
    def entries(self) -> int:
        """Answers kept."""

    @property
    def hits(self) -> int:
        """Callers answered by what was kept."""

    @property
    def stale(self) -> int:
        """Callers answered by something old."""

    @property
    def misses(self) -> int:
        """Callers whose question was loaded."""

    @property
    def collapsed(self) -> int:
        """Callers who waited for another's load."""

    @property
    def refreshes(self) -> int:
        """Loads begun behind a caller who did not wait."""

    @property
    def stale_if_error(self) -> int:
        """Callers whom a failure sent back to something old."""

    @property
    def evictions(self) -> int:
        """Answers pushed out for want of room."""


class CacheCollector(Collector):
    """Shows what `figures` says."""

    def __init__(self, figures: Callable[[], CacheFigures]) -> None:
        self._figures = figures

    @override
    def collect(self) -> Iterator[Metric]:
        now = self._figures()
        yield GaugeMetricFamily("taskgate_cache_bytes", "Bytes of kept answers.", now.bytes)
        yield GaugeMetricFamily("taskgate_cache_entries", "Kept answers.", now.entries)
        yield CounterMetricFamily(
            "taskgate_cache_evictions", "Answers pushed out for want of room.", now.evictions
        )
        answered = CounterMetricFamily(
            "taskgate_cache_lookups", "Questions to the cache, by outcome.", labels=["outcome"]
        )
        answered.add_metric(["hit"], now.hits)
        answered.add_metric(["stale"], now.stale)
        answered.add_metric(["miss"], now.misses)
        answered.add_metric(["collapsed"], now.collapsed)
        yield answered
        yield CounterMetricFamily(
            "taskgate_cache_refreshes", "Loads behind callers who did not wait.", now.refreshes
        )
        yield CounterMetricFamily(
            "taskgate_cache_stale_if_error",
            "Stale answers served because the platform failed.",
            now.stale_if_error,
        )
