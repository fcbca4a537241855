"""Tests: cache."""
