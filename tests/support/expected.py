"""Answers as files: one flag rewrites them, and the diff is the review."""

from pathlib import Path

import msgspec
import pytest

_FILES = Path(__file__).parents[1] / "data" / "expected"


def printed(answer: object) -> bytes:
    """Return an answer as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(answer)) + b"\n"


def expected(name: str, answer: object, config: pytest.Config) -> bytes:
    """Return the file of this name, which is `answer` from now on if that is what is wanted."""
    file = _FILES / f"{name}.json"
    if config.getoption("--rewrite-expected", default=False):
        file.write_bytes(printed(answer))
    return file.read_bytes()
