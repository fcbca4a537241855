"""Logs and metrics: definitions."""
