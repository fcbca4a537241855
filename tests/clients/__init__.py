"""Tests: clients made from the OpenAPI document."""
