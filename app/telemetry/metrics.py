"""The figures of one running service, in a registry of its own; labels come from closed sets."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from app.telemetry.access import AccessMetrics
from app.telemetry.served import ServedRequests

_QUEUED_S = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BREAKER_STATES = ("closed", "half_open", "open")
_UPSTREAM_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


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


class Metrics:
    """Counts what happened; each method is one fact. `registry` is what `/metrics` shows.

    `cache_figures` is asked at each scrape, so that the cache knows nothing of metrics.
    """

    def __init__(
        self,
        *,
        version: str,
        monotonic: Callable[[], float],
        cache_figures: Callable[[], CacheFigures],
    ) -> None:
        self.registry = registry = CollectorRegistry()
        self._monotonic = monotonic
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        seconds = partial(Histogram, registry=registry)

        self._served = ServedRequests()
        registry.register(self._served)
        name, text = "taskgate_log_lines_lost_total", "Lines that the log could not take."
        self._lines_lost = counter(name, text)

        name, text = "taskgate_upstream_calls_total", "Calls to the platform, retries included."
        self._upstream_calls = counter(name, text, ["account", "endpoint", "outcome"])
        name, text = "taskgate_upstream_call_duration_seconds", "Time of one call to the platform."
        self._upstream_seconds = seconds(name, text, ["account", "endpoint"], buckets=_UPSTREAM_S)
        name, text = "taskgate_upstream_retries_total", "Calls that were scheduled once more."
        self._retries = counter(name, text, ["account", "endpoint"])

        name, text = "taskgate_upstream_retries_forgone_total", "Retries that the budget forbade."
        self._retries_forgone = counter(name, text, ["account", "endpoint"])
        name, text = "taskgate_gate_wait_seconds", "Wait of a call for its turn, mostly 0."
        self._turn_waits = seconds(name, text, ["account"], buckets=_QUEUED_S)
        name = "taskgate_gate_refusals_total"
        text = "Calls turned away: the gate was closed, or its queue full (overloaded)."
        self._turn_refusals = counter(name, text, ["account", "reason"])
        name, text = "taskgate_gate_closures_total", "Times the platform asked for quiet."
        self._gate_closures = counter(name, text, ["account"])
        name = "taskgate_breaker_state"
        text = "1 for the state that the breaker is in; absent until it first moved."
        self._breaker = gauge(name, text, ["account", "part", "state"])

        name, text = "taskgate_token_refreshes_total", "Tokens asked for; outcome is ok or failed."
        self._token_refreshes = counter(name, text, ["account", "outcome"])
        name, text = "taskgate_token_age_seconds", "Age of the token in use."
        self._token_age = gauge(name, text, ["account"])
        name, text = "taskgate_token_lifetime_seconds", "Whole life of the token in use."
        self._token_lifetime = gauge(name, text, ["account"])

        name, text = "taskgate_items_read_total", "Items read off the platform's pages."
        self._items = counter(name, text, ["account"])
        name, text = "taskgate_fields_dropped_total", "Fields of an odd form, answered as null."
        self._dropped = counter(name, text, ["account"])
        name, text = "taskgate_items_unreadable_total", "Items that could not be read at all."
        self._unreadable = counter(name, text, ["account"])
        name, text = "taskgate_anomalies_total", "Items with an oddity, by its name."
        self._anomalies = counter(name, text, ["account", "anomaly"])

        self.access = AccessMetrics(registry)
        registry.register(_CacheCollector(cache_figures))
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

    def upstream_called(self, *, account: str, endpoint: str, outcome: str, seconds: float) -> None:
        """Count one call to the platform."""
        self._upstream_calls.labels(account, endpoint, outcome).inc()
        self._upstream_seconds.labels(account, endpoint).observe(seconds)

    def retry_scheduled(self, *, account: str, endpoint: str) -> None:
        """Count one call that will be made again."""
        self._retries.labels(account, endpoint).inc()

    def retry_forgone(self, *, account: str, endpoint: str) -> None:
        """Count one call that would have been made again."""
        self._retries_forgone.labels(account, endpoint).inc()

    def turn_taken(self, *, account: str, waited_s: float) -> None:
        """Count one call that came through the gate."""
        self._turn_waits.labels(account).observe(waited_s)

    def turn_refused(self, *, account: str, reason: str) -> None:
        """Count one call that was turned away."""
        self._turn_refusals.labels(account, reason).inc()

    def gate_closed(self, *, account: str) -> None:
        """Count one closure, or one that was prolonged."""
        self._gate_closures.labels(account).inc()

    def breaker_moved(self, *, account: str, part: str, state: str) -> None:
        """Note the state that a breaker is in from now on."""
        for each in _BREAKER_STATES:
            self._breaker.labels(account, part, each).set(each == state)

    def token_refreshed(self, *, account: str, lifetime_s: float) -> None:
        """Count a fresh token; its age runs from now."""
        born = self._monotonic()
        self._token_refreshes.labels(account, "ok").inc()
        self._token_age.labels(account).set_function(lambda: self._monotonic() - born)
        self._token_lifetime.labels(account).set(lifetime_s)

    def token_refresh_failed(self, *, account: str) -> None:
        """Count a token that could not be had."""
        self._token_refreshes.labels(account, "failed").inc()

    def items_read(
        self, *, account: str, count: int, dropped: int, anomalies: Mapping[str, int]
    ) -> None:
        """Count the items of one page: all, the fields lost, and each anomaly by its name."""
        self._items.labels(account).inc(count)
        self._dropped.labels(account).inc(dropped)
        self._unreadable.labels(account).inc(anomalies.get("unreadable", 0))
        for anomaly, times in anomalies.items():
            self._anomalies.labels(account, anomaly).inc(times)


class _CacheCollector(Collector):
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
