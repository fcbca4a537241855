"""Tests: random requests, a million of them when asked."""
