"""Tests: telemetry."""
