"""Figures of the door."""

from prometheus_client import CollectorRegistry

from app.telemetry.access import AccessMetrics


def test_counts() -> None:
    """Each fact is one series, its labels from closed sets."""
    registry = CollectorRegistry()
    access = AccessMetrics(registry)
    for outcome in (True, False):
        access.unauthenticated(outcome)
        access.file_read(outcome)
        access.keys_fetched(outcome)
        access.certificate_read(outcome)
    access.limited("bi")
    access.connection_cut("slow")

    def figure(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"taskgate_{name}_total", labels)

    assert figure("unauthenticated", credentials="refused") == 1
    assert figure("unauthenticated", credentials="missing") == 1
    assert figure("consumers_file_reads", outcome="refused") == 1
    assert figure("issuer_fetches", outcome="failed") == 1
    assert figure("certificate_reads", outcome="refused") == 1
    assert figure("rate_limited", consumer="bi") == 1
    assert figure("connections_cut", bound="slow") == 1
