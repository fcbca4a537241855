"""Clients that others make from the document: they compile, and what they read is right."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live import live, program
from tests.support.node import FOLDER, installed, ran, run_tool

pytestmark = pytest.mark.machine

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "openapi" / "openapi.json"
COOKBOOK = HERE.parent.parent / "docs" / "consumers.md"
TYPESCRIPT = re.compile(r"^```typescript\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STRICT = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"]
MODULES = ["--module", "nodenext", "--target", "es2022", "--types", "node"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One account of the sandbox."""
    with live("eu2") as url:
        yield url


def told(url: str, *statuses: str) -> list[str]:
    """Return the platform's ids of all tasks with these statuses, read without any types."""
    query = "&".join(f"status={status}" for status in statuses)
    ids: list[str] = []
    path: str | None = f"/v1/tasks?{query}&limit=50"
    while path:
        page: dict[str, Any] = httpx.get(url + path, trust_env=False).json()
        ids += [item["upstream_id"] for item in page["items"]]
        path = page["page"]["next"]
    return ids


def test_typescript(url: str, tmp_path: Path) -> None:
    """A strict TypeScript client walks every page and loses no digit of any id."""
    document = str(DOCUMENT)
    (tmp_path / "node_modules").symlink_to(installed())
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    shutil.copy(FOLDER / "walk.ts", tmp_path)

    run_tool("openapi-typescript", document, "--output", "api.d.ts", folder=tmp_path)
    run_tool("tsc", *STRICT, *MODULES, "walk.ts", folder=tmp_path)
    ids = json.loads(ran([program("node"), "walk.js", url], tmp_path))

    assert ids == told(url, "failed", "warning")
    assert len(ids) > 50
    assert all(int(each) > 2**53 for each in ids)


def test_cookbook(url: str, tmp_path: Path) -> None:
    """The cookbook's TypeScript compiles strictly as it stands, and walks everything."""
    block = TYPESCRIPT.search(COOKBOOK.read_text(encoding="utf-8"))
    assert block is not None
    (tmp_path / "node_modules").symlink_to(installed())
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "cookbook.ts").write_text(block[1], encoding="utf-8")

    run_tool("tsc", *STRICT, *MODULES, "cookbook.ts", folder=tmp_path)
    printed = ran(["env", f"GATE_URL={url}", program("node"), "cookbook.js"], tmp_path)

    query = "created_after=24h&limit=1000"
    page = httpx.get(f"{url}/v1/tasks?{query}", trust_env=False).json()
    assert int(printed) == len(page["items"]) > 50
    assert page["page"]["next"] is None


def test_typescript_mistake(tmp_path: Path) -> None:
    """A caller who misspells a status is told by the compiler."""
    (tmp_path / "node_modules").symlink_to(installed())
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    wrong = (FOLDER / "walk.ts").read_text(encoding="utf-8").replace('"failed"', '"borken"')
    (tmp_path / "walk.ts").write_text(wrong, encoding="utf-8")
    run_tool("openapi-typescript", str(DOCUMENT), "--output", "api.d.ts", folder=tmp_path)

    with pytest.raises(AssertionError, match="borken"):
        run_tool("tsc", *STRICT, *MODULES, "--noEmit", "walk.ts", folder=tmp_path)


def test_python(url: str, tmp_path: Path) -> None:
    """A strictly typed Python client walks every page and reads the same ids."""
    tools = Path(sys.executable).parent
    generate = [str(tools / "openapi-python-client"), "generate", "--path", str(DOCUMENT)]
    settings = tmp_path / "settings.yaml"
    settings.write_text("post_hooks: []\n", encoding="utf-8")
    output = ["--output-path", "gate", "--meta", "none", "--config", str(settings)]

    warned = ran([*generate, *output, "--fail-on-warning"], tmp_path)
    shutil.copy(HERE / "walk.py.txt", tmp_path / "walk.py")
    strict = [str(tools / "mypy"), "--strict", "--config-file", os.devnull, "gate", "walk.py"]
    checked = ran(strict, tmp_path)
    ids = json.loads(ran([sys.executable, "walk.py", url], tmp_path))

    assert "Warning" not in warned
    assert "no issues found" in checked
    assert ids == told(url, "failed")
