"""Requests answered, as plain numbers: one of them costs what an addition costs."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from typing_extensions import override

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
# A kept answer takes tens of microseconds, a cold one as long as the platform's 60 s time-out.
_BOUNDS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 90,
)  # fmt: skip


class ServedRequests(Collector):
    """Counts answers by route, method, status and cache outcome, and their times by route."""

    def __init__(self) -> None:
        self._numbers: Counter[tuple[str, str, str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()

    def add(
        self, *, route: str, method: str, status: int, cache: str, seconds: Sequence[float]
    ) -> None:
        """Count an answer for each of `seconds`; a method that HTTP does not know is `other`."""
        known = method if method in _METHODS else "other"
        self._numbers[route, known, str(status), cache] += len(seconds)
        buckets = self._buckets.setdefault(route, [0] * (len(_BOUNDS_S) + 1))
        for each in seconds:
            buckets[bisect_left(_BOUNDS_S, each)] += 1
        self._sums[route] += sum(seconds)  # type: ignore[assignment]  # a Counter of floats

    @override
    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "taskgate_requests",
            "Requests answered, by route template and cache outcome.",
            labels=["route", "method", "status", "cache"],
        )
        for labels, number in self._numbers.items():
            requests.add_metric(labels, number)
        yield requests
        times = HistogramMetricFamily(
            "taskgate_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=["route"],
        )
        names = [*map(floatToGoString, _BOUNDS_S), "+Inf"]
        for route, buckets in self._buckets.items():
            upto = list(zip(names, accumulate(buckets), strict=True))
            times.add_metric([route], upto, self._sums[route])
        yield times
