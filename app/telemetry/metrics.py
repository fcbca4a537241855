"""The figures of one running service, in a registry of its own; labels come from closed sets."""

import platform
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, GCCollector, Info, ProcessCollector

from app.telemetry.access import AccessMetrics
from app.telemetry.cache import CacheCollector, CacheFigures
from app.telemetry.served import ServedRequests
from app.telemetry.upstream import UpstreamMetrics


class Metrics:
    """Counts what happened; each method is one fact. `registry` is what `/metrics` shows.

    `upstream` counts the platform side, `access` the door; `cache_figures` is asked at each scrape.
    """

    def __init__(
        self,
        *,
        version: str,
        monotonic: Callable[[], float],
        cache_figures: Callable[[], CacheFigures],
    ) -> None:
        self.registry = registry = CollectorRegistry()
        self._served = ServedRequests()
        registry.register(self._served)
        name, text = "taskgate_log_lines_lost_total", "Lines that the log could not take."
        self._lines_lost = Counter(name, text, registry=registry)
        self.upstream = UpstreamMetrics(registry, monotonic=monotonic)
        self.access = AccessMetrics(registry)
        registry.register(CacheCollector(cache_figures))
        build = {"version": version, "python": platform.python_version()}
        Info("taskgate_build", "What runs.", registry=registry).info(build)
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def request_served(
        self, *, route: str, method: str, status: int, cache: str, seconds: float
    ) -> None:
        """Count one answer of ours; a method that HTTP does not know is `other`."""
        self.requests_served(
            route=route, method=method, status=status, cache=cache, seconds=(seconds,)
        )

    def requests_served(
        self, *, route: str, method: str, status: int, cache: str, seconds: Sequence[float]
    ) -> None:
        """Count as many answers alike as there are `seconds`, each the time that one took."""
        self._served.add(route=route, method=method, status=status, cache=cache, seconds=seconds)

    def lines_lost(self, number: int) -> None:
        """Count lines that nobody will read."""
        self._lines_lost.inc(number)
