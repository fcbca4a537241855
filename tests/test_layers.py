"""The import table of the house as data, and the walk that holds `app/` to it."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

HOUSE = Path(__file__).parent.parent

ROOMS = frozenset({
    "addresses", "allowed", "api", "assembly", "cache", "calling", "certificates", "checking",
    "cli", "clockwork", "domain", "errors", "housing", "listening", "main", "platform", "sandbox",
    "service", "serving", "settings", "telemetry", "wrapping",
})  # fmt: skip

# Room -> the rooms it may import. What is not listed is forbidden.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "addresses": frozenset({"allowed"}),
    "allowed": frozenset(),
    "api": frozenset({"service", "domain", "telemetry", "errors", "settings"}),
    "assembly": frozenset(
        {
            "api",
            "cache",
            "calling",
            "clockwork",
            "housing",
            "listening",
            "platform",
            "service",
            "settings",
            "telemetry",
        }
    ),
    "cache": frozenset({"errors"}),
    "calling": frozenset({"clockwork", "platform", "settings"}),
    "certificates": frozenset(),
    "checking": frozenset({"api", "errors", "platform", "settings"}),
    "cli": ROOMS,
    "clockwork": frozenset(),
    "domain": frozenset({"errors"}),
    "errors": frozenset(),
    "housing": frozenset({"cache", "clockwork", "domain", "service", "settings"}),
    "listening": frozenset({"platform", "telemetry"}),
    "main": ROOMS - {"cli"},
    "platform": frozenset({"clockwork", "domain", "errors"}),
    "sandbox": frozenset(),
    "service": frozenset({"cache", "domain", "errors"}),
    "serving": frozenset({"api", "errors"}),
    "settings": frozenset({"addresses", "allowed", "errors"}),
    "telemetry": frozenset({"errors"}),
    "wrapping": frozenset({"api", "clockwork", "service", "settings", "telemetry"}),
}

# Foreign package -> the rooms that may know it. What is not listed is free.
KNOWN_TO: dict[str, frozenset[str]] = {
    "cachetools": frozenset({"cache"}),
    "fastapi": frozenset({"api", "main", "wrapping"}),
    "joserfc": frozenset({"api"}),
    "httpx": frozenset({"assembly", "calling", "platform", "main", "cli"}),
    "prometheus_client": frozenset({"telemetry", "api", "main"}),
    "pydantic_settings": frozenset({"allowed", "settings"}),
    "starlette": frozenset({"api", "main", "sandbox"}),
    "uvicorn": frozenset({"api", "sandbox", "serving", "wrapping"}),
    "valkey": frozenset({"api"}),
}

READS_ENVIRONMENT = frozenset({"settings"})


class Import(NamedTuple):
    """One imported name, where it stands and what it resolves to."""

    line: int
    module: str


def imports(tree: ast.Module, modules: frozenset[str]) -> Iterator[Import]:
    """Every import of a module, those inside functions and type-checking blocks too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(node.lineno, full if full in modules else base)


def environment_reads(tree: ast.Module) -> Iterator[int]:
    """The lines that take something from the environment of the process."""
    names = {"environ", "environb", "getenv", "getenvb"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os" and node.attr in names:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in names)


def fault(room: str, found: Import) -> str | None:
    """What is wrong with this import in this room; None when the table allows it."""
    top, _, rest = found.module.partition(".")
    if not top:
        return "imports relatively"
    if top != "app":
        known_to = KNOWN_TO.get(top)
        return None if known_to is None or room in known_to else f"imports {top}"
    target = rest.partition(".")[0]
    if target in {"", room} or target in MAY_IMPORT.get(room, frozenset()):
        return None
    return f"imports {found.module}"


def faults(house: Path) -> list[str]:
    """Every breach of the table in the tree below `house`, as `file:line room does this`."""
    names = {
        ".".join(path.relative_to(house).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((house / "app").rglob("*.py"))
    }
    modules = frozenset(names)
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        if name == "app":
            room = "app"
        else:
            room = name.split(".")[1]
            if room not in MAY_IMPORT:
                found.append(f"{path.relative_to(house)} is in no room of the table")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        taken = list(imports(tree, modules))
        graph[name] = {item.module for item in taken} & modules - {"app", name}
        told = [(item.line, fault(room, item)) for item in taken]
        if room not in READS_ENVIRONMENT:
            told += [(line, "reads the environment") for line in environment_reads(tree)]
        found += [f"{path.relative_to(house)}:{line} {room} {text}" for line, text in told if text]
    return found + cycles(graph)


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """The first circle among the modules, if there is one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        return [" -> ".join(circle.args[1]) + " is a cycle"]
    return []


def test_house_keeps_its_layers() -> None:
    """Arrows go one way: no room imports what the table does not give it."""
    assert faults(HOUSE) == []


def test_table_names_every_room() -> None:
    """A room that the table forgot could import anything."""
    rooms = {path.stem for path in (HOUSE / "app").iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in (HOUSE / "app").glob("*/__init__.py")}

    assert rooms - {"__init__"} <= ROOMS
    assert MAY_IMPORT.keys() == ROOMS


@pytest.mark.parametrize(
    ("file", "code", "told"),
    [
        ("domain/task.py", "from app.platform import wire", "domain imports app.platform"),
        ("domain/task.py", "import app.service.tasks", "domain imports app.service.tasks"),
        ("cache/cache.py", "from app.domain.task import Task", "cache imports app.domain.task"),
        ("sandbox/a.py", "from app.errors import ServiceError", "sandbox imports app.errors"),
        ("platform/a.py", "from app.telemetry import x", "platform imports app.telemetry"),
        ("api/tasks.py", "from app.main import create_app", "api imports app.main"),
        ("main.py", "from app import cli", "main imports app.cli"),
        ("service/a.py", "import httpx", "service imports httpx"),
        ("service/a.py", "from fastapi.routing import APIRouter", "service imports fastapi"),
        ("sandbox/a.py", "import fastapi", "sandbox imports fastapi"),
        ("service/a.py", "import cachetools", "service imports cachetools"),
        ("api/tasks.py", "from . import admin", "api imports relatively"),
        ("api/tasks.py", "def f():\n    import httpx", "api imports httpx"),
        ("main.py", "import os\nos.environ['A']", "main reads the environment"),
        ("main.py", "from os import getenv", "main reads the environment"),
        ("helpers/a.py", "", "is in no room of the table"),
    ],
    ids=lambda text: str(text).split("\n", maxsplit=1)[0],
)
def test_planted_import_is_reported(tmp_path: Path, file: str, code: str, told: str) -> None:
    """The walk reports exactly the planted breach, wherever it stands in the file."""
    for name in ("main.py", "cli.py", file):
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code if name == file else "")

    (report,) = faults(tmp_path)

    assert report.startswith(f"app/{file}")
    assert report.endswith(told)


def test_cycle_is_reported(tmp_path: Path) -> None:
    """Two modules of one room that import each other are a fault although the room allows it."""
    room = tmp_path / "app" / "cache"
    room.mkdir(parents=True)
    (room / "flight.py").write_text("from app.cache import store\n")
    (room / "store.py").write_text("from app.cache.flight import Flight\n")

    (report,) = faults(tmp_path)

    assert "app.cache.flight" in report
    assert report.endswith("is a cycle")
