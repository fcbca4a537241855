"""The document under the rules of others."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.support.node import run_tool

FOLDER = Path(__file__).parent.parent.parent / "openapi"


def test_valid() -> None:
    """The published document is valid OpenAPI 3.1."""
    document = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))

    validate(document)
    assert document["openapi"].startswith("3.1.")


@pytest.mark.machine
def test_redocly() -> None:
    """Redocly's recommended rules find nothing, warnings included."""
    told = run_tool(
        "redocly",
        "lint",
        "--config",
        "redocly.yaml",
        "--format",
        "json",
        "openapi.json",
        folder=FOLDER,
    )

    assert json.loads(told)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


@pytest.mark.machine
def test_spectral() -> None:
    """Spectral's rules and OWASP's find nothing, warnings and hints included."""
    told = run_tool(
        "spectral",
        "lint",
        "--ruleset",
        "spectral.yaml",
        "--fail-severity",
        "hint",
        "openapi.json",
        folder=FOLDER,
    )

    assert "No results with a severity" in told


@pytest.mark.parametrize("name", ["redocly.yaml", "spectral.yaml"])
def test_reasons(name: str) -> None:
    """Every rule that is off stands below a reason."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if line.endswith(": off")
        and not before.strip().startswith("#")
        # Several rules may share a reason, and an override has it above its files.
        and not before.endswith((": off", "rules:"))
    ]

    assert bare == []


def test_lock() -> None:
    """The lock names no host: whoever installs from it uses a registry of their own."""
    lock = Path(__file__).parent.parent / "node" / "package-lock.json"

    assert '"resolved"' not in lock.read_text(encoding="utf-8")
