"""The published document is the code's."""

import json
from pathlib import Path

import pytest

from app.cli import main

PUBLISHED = Path(__file__).parent.parent / "openapi" / "openapi.json"


def test_drift(capsys: pytest.CaptureFixture[str]) -> None:
    """`openapi/openapi.json` is what `taskgate openapi` prints; write it anew when this fails."""
    assert main(["openapi"]) == 0

    printed = capsys.readouterr().out
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json.loads(printed)
