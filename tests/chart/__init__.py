"""Tests: chart."""
