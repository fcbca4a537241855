"""What is committed holds no secret that `.secrets.baseline` does not know."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
HOOK = Path(sys.executable).with_name("detect-secrets-hook")
# 0: nothing new; 3: what is known has moved to other lines, which the hook would write down.
CLEAN = {0, 3}


def _scan(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    baseline = folder / "baseline.json"
    shutil.copy(HOUSE / ".secrets.baseline", baseline)
    return subprocess.run(  # noqa: S603  # a program of the lock
        [HOOK, "--baseline", baseline, *files],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.machine
def test_no_secret(tmp_path: Path) -> None:
    """No committed file holds anything that looks like a secret and was not looked at."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  # whichever git made the clone
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=True,
    )
    found = _scan(tmp_path, *filter(None, listed.stdout.split("\0")))

    assert found.returncode in CLEAN, found.stdout


@pytest.mark.machine
def test_scan_can_fail(tmp_path: Path) -> None:
    """A planted key is found."""
    planted = tmp_path / "planted.py"
    planted.write_text(f'key = "{"AKIA" + "Z7KQ3M5N" * 2}"\n')

    assert _scan(tmp_path, str(planted)).returncode not in CLEAN


def test_looked_at() -> None:
    """Whatever looks like a secret was looked at by somebody and is none."""
    baseline = json.loads((HOUSE / ".secrets.baseline").read_text(encoding="utf-8"))
    open_questions = [
        f"{file}:{each['line_number']}"
        for file, found in baseline["results"].items()
        for each in found
        if each.get("is_secret") is not False
    ]

    assert open_questions == []


def test_workflows() -> None:
    """There is no workflow to check; with the first one zizmor belongs into `make check`."""
    assert not (HOUSE / ".github" / "workflows").exists()
