"""The tools that come from npm, installed from the committed lock; nothing else is fetched."""

import os
import subprocess
from functools import cache
from pathlib import Path

from tests.support.live import program

FOLDER = Path(__file__).parent.parent / "node"


@cache
def installed() -> Path:
    """Return `node_modules` as `tests/node/package-lock.json` says; installed once per lock."""
    npm, modules = program("npm"), FOLDER / "node_modules"
    lock, mark = FOLDER / "package-lock.json", modules / ".lock"
    if not mark.exists() or mark.read_bytes() != lock.read_bytes():
        ran([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], FOLDER)
        mark.write_bytes(lock.read_bytes())
    return modules


def run_tool(name: str, *arguments: str, folder: Path) -> str:
    """Run a tool in `folder`, where it must succeed, and return what it printed."""
    return ran([program("node"), str(installed() / ".bin" / name), *arguments], folder)


def ran(command: list[str], folder: Path) -> str:
    """Run a command in `folder`; it must succeed, and tells nobody that it ran."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(  # noqa: S603  # a program of the lock
        command,
        cwd=folder,
        env=dict(os.environ) | quiet,  # noqa: TID251  # node's and npm's own settings
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
