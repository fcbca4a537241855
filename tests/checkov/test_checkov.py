"""What checkov has to say of the Dockerfile and of what the chart renders."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, FULL, ONE_ACCOUNT, render
from tests.support.live import absent

pytestmark = pytest.mark.machine

HERE = Path(__file__).parent
CHECKOV = HERE / ".venv/bin/checkov"
CONFIG = HERE / "checkov.yaml"
LOOSE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "loose"},
    "spec": {"containers": [{"name": "loose", "image": "x", "securityContext": {"privileged": 1}}]},
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Which checks fail in what we ship and in a pod that is planted; nothing is skipped."""
    if not CHECKOV.exists():
        absent("checkov is not installed: make sync")
    folder = tmp_path_factory.mktemp("posture")
    for name, values in {"defaults": ONE_ACCOUNT, "full": FULL}.items():
        _write(folder / "ours" / name, render(values))
    shutil.copy(CHART.parent.parent / "Dockerfile", folder / "ours")
    _write(folder / "planted", {"pod.yaml": yaml.safe_dump(LOOSE)})
    found = _failures(folder)
    return {
        part: {check for path, check in found if path.startswith(f"/{part}/")}
        for part in ("ours", "planted")
    }


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        if name.endswith(".yaml"):
            (folder / name).write_text(text, encoding="utf-8")


def _failures(folder: Path) -> list[tuple[str, str]]:
    ran = subprocess.run(  # noqa: S603  # a program of its own lock
        [CHECKOV, "--skip-download", "--quiet", "--compact", "--framework", "dockerfile",
         "kubernetes", "--output", "json", "--directory", folder],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    reports: list[dict[str, Any]] = json.loads(ran.stdout)
    assert {report["check_type"] for report in reports} == {"dockerfile", "kubernetes"}
    assert not any(report["summary"]["parsing_errors"] for report in reports)
    return [
        (each["file_path"], each["check_id"])
        for report in reports
        for each in report["results"]["failed_checks"]
    ]


def test_ours(failed: dict[str, set[str]]) -> None:
    """Exactly those checks fail that the configuration gives a reason for."""
    assert failed["ours"] == set(yaml.safe_load(CONFIG.read_text())["skip-check"])


def test_bites(failed: dict[str, set[str]]) -> None:
    """A privileged pod is seen, so that silence means something."""
    assert "CKV_K8S_16" in failed["planted"]


def test_reasons() -> None:
    """Before each check that is skipped stands why."""
    lines = CONFIG.read_text(encoding="utf-8").partition("skip-check:\n")[2].splitlines()

    assert len(lines) > 1
    for reason, check in zip(lines[::2], lines[1::2], strict=True):
        assert re.match(r"  # \S.{20,}", reason)
        assert re.fullmatch(r"  - CKV\w+", check)
