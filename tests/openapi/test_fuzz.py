"""The live service under Schemathesis: what the document says is what it does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.consumers import bearer, required
from tests.support.live import live

HOUSE = Path(__file__).parent.parent.parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
CASES_MIN = 2_000
NOT_EVERY = re.compile(r"API Links:\s+(\d+) covered / (?!\1 )")


@pytest.mark.machine
def test_nothing_found(tmp_path: Path) -> None:
    """All checks, examples, edges, noise and walks by link: two thousand cases find nothing."""
    consumers = required(ops={"admin": True, "rate": "10000/s"})
    with live("eu2", "us4", history_days=1, **consumers) as url:
        done = subprocess.run(  # noqa: S603  # a program of the lock
            [
                SCHEMATHESIS,
                "--config-file",
                str(CONFIG),
                "run",
                "--header",
                f"Authorization: {bearer('ops')['Authorization']}",
                f"{url}/openapi.json",
            ],
            cwd=tmp_path,
            env=dict(os.environ) | {"PYTHONPATH": str(HOUSE)},  # noqa: TID251  # finds the hooks
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stdout[-20_000:]
    cases = re.search(r"([\d,]+) generated", done.stdout)
    assert cases is not None, done.stdout[-2_000:]
    assert int(cases[1].replace(",", "")) >= CASES_MIN
    assert not NOT_EVERY.search(done.stdout)
