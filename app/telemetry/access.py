"""Figures of who may ask: refusals, limits, what is read again of files and of the issuer."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge


class AccessMetrics:
    """Counts what happened at the door; each method is one fact."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        name = "taskgate_unauthenticated_total"
        text = "Requests without valid credentials, by whether any were sent."
        self._unauthenticated = counter(name, text, ["credentials"])
        name, text = "taskgate_rate_limited_total", "Requests over their consumer's rate."
        self._limited = counter(name, text, ["consumer"])
        name, text = "taskgate_consumers_file_reads_total", "Changes of the consumers' file."
        self._reads = counter(name, text, ["outcome"])
        name, text = "taskgate_issuer_fetches_total", "Fetches of the token issuer's keys."
        self._fetches = counter(name, text, ["outcome"])
        name, text = "taskgate_certificate_reads_total", "Changes of the files that TLS is made of."
        self._certificates = counter(name, text, ["outcome"])
        name, text = "taskgate_connections_cut_total", "Connections that were ended at a bound."
        self._cut = counter(name, text, ["bound"])
        name = "taskgate_valkey_connected"
        text = "1 when Valkey took what it was last told; absent when there is none."
        self._connected = Gauge(name, text, ["part"], registry=registry)
        name, text = "taskgate_valkey_failures_total", "Exchanges with Valkey that failed."
        self._failures = counter(name, text, ["part"])

    def unauthenticated(self, refused: bool) -> None:  # noqa: FBT001  # the one fact there is
        """Count a request that nobody stands for; `refused` says that credentials were sent."""
        self._unauthenticated.labels("refused" if refused else "missing").inc()

    def limited(self, consumer: str) -> None:
        """Count a request over the rate; the names are those that are configured."""
        self._limited.labels(consumer).inc()

    def file_read(self, ok: bool) -> None:  # noqa: FBT001
        """Count a change of the consumers' file that was taken up, or refused."""
        self._reads.labels("ok" if ok else "refused").inc()

    def keys_fetched(self, ok: bool) -> None:  # noqa: FBT001
        """Count a fetch of the issuer's keys."""
        self._fetches.labels("ok" if ok else "failed").inc()

    def certificate_read(self, ok: bool) -> None:  # noqa: FBT001
        """Count a change of the certificate, its key or the authority: taken up, or refused."""
        self._certificates.labels("ok" if ok else "refused").inc()

    def connection_cut(self, bound: str) -> None:
        """Count a connection that was ended; `bound` is one of the server's words."""
        self._cut.labels(bound).inc()

    def rates_answered(self, ok: bool) -> None:  # noqa: FBT001
        """Note whether Valkey took what it was told about rates."""
        self._connected.labels("rates").set(ok)
        self._failures.labels("rates").inc(not ok)
