"""Requests answered, as Prometheus reads them."""

from prometheus_client import CollectorRegistry

from app.telemetry.served import ServedRequests


def test_served() -> None:
    """Answers alike are counted together; a time on a bucket's bound is inside it."""
    registry, served = CollectorRegistry(), ServedRequests()
    registry.register(served)
    labels = {"route": "/a", "method": "other", "status": "200", "cache": "hit"}
    for seconds in ([0.0005, 0.0006], [100.0]):
        served.add(route="/a", method="BREW", status=200, cache="hit", seconds=seconds)
    value = registry.get_sample_value
    bucket = "taskgate_request_duration_seconds_bucket"

    assert value("taskgate_requests_total", labels) == 3
    assert [value(bucket, {"route": "/a", "le": le}) for le in ("0.0005", "0.001", "90.0")] == [
        1,
        2,
        2,
    ]
    assert value(bucket, {"route": "/a", "le": "+Inf"}) == 3
    assert value("taskgate_request_duration_seconds_sum", {"route": "/a"}) == 100.0011
