"""Outbound HTTP: the only place that knows httpx and the platform's shapes."""
