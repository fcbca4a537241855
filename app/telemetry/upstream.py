"""Figures of the platform: what it is asked and answers, and what keeps it from being asked."""

from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_QUEUED_S = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BREAKER_STATES = ("closed", "half_open", "open")
_CALL_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class UpstreamMetrics:
    """Counts what happened on the platform side; each method is one fact."""

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        seconds = partial(Histogram, registry=registry)

        name, text = "taskgate_upstream_calls_total", "Calls to the platform, retries included."
        self._calls = counter(name, text, ["account", "endpoint", "outcome"])
        name, text = "taskgate_upstream_call_duration_seconds", "Time of one call to the platform."
        self._call_seconds = seconds(name, text, ["account", "endpoint"], buckets=_CALL_S)
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

    def called(self, *, account: str, endpoint: str, outcome: str, seconds: float) -> None:
        """Count one call to the platform."""
        self._calls.labels(account, endpoint, outcome).inc()
        self._call_seconds.labels(account, endpoint).observe(seconds)

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
