"""Tests: image."""
