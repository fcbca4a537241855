"""What the documentation says of the code is so."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app import __version__
from app.api.keys import PATTERN
from app.errors import ServiceError
from app.serving.server import DRAIN_S
from app.settings import (
    PREFIX,
    AccountSettings,
    ConsumerSettings,
    OidcSettings,
    Settings,
)
from app.telemetry.metrics import Metrics

HOUSE = Path(__file__).parent.parent
README = HOUSE / "README.md"
OPERATIONS = HOUSE / "docs/operations.md"
PAGES = [README, HOUSE / "CHANGELOG.md", HOUSE / "CONTRIBUTING.md", *HOUSE.glob("docs/**/*.md")]
CHART = HOUSE / "helm/taskgate"

Row = tuple[str, ...]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))


def table(page: Path, first: str) -> list[Row]:
    """Return the rows of the table whose first column has this head."""
    text = page.read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n| {first} |")
    assert rest, f"{page.name} has no table of {first}"
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in row.strip("|").split(" |")) for row in rows]


def bare(cell: str) -> str:
    """Return what stands in the backticks of a cell."""
    return cell.strip("`")


def variables() -> Iterator[tuple[str, FieldInfo]]:
    """Every variable that may be set."""
    for name, field in Settings.model_fields.items():
        variable = PREFIX + name.upper()
        if name == "accounts":
            yield from below(f"{variable}__<ALIAS>", AccountSettings)
        elif name == "consumers":
            yield from below(f"{variable}__<NAME>", ConsumerSettings)
        elif name == "oidc":
            yield from below(variable, OidcSettings)
        elif isinstance(field.default, BaseModel):
            yield from below(variable, type(field.default))
        else:
            yield variable, field


def below(variable: str, section: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Every variable of a section."""
    for name, field in section.model_fields.items():
        yield f"{variable}__{name.upper()}", field


def default(field: FieldInfo) -> str:
    """Return a default as the table writes it."""
    none = field.is_required() or field.default is None
    return "–" if none else f"`{field.default}`"  # noqa: RUF001  # the sign for "none"


def bounds(field: FieldInfo) -> set[str]:
    """Return the numbers that bound a value."""
    names = ("ge", "gt", "le")
    found = [getattr(each, name, None) for each in field.metadata for name in names]
    return {str(bound) for bound in found if bound is not None}


def errors(of: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """Every error that a caller can meet."""
    for error in of.__subclasses__():
        if "slug" in vars(error) and error.__module__ == "app.errors":
            yield error
        yield from errors(error)


def test_settings_table() -> None:
    """The README lists every variable, in the order of the code, with its default."""
    told = [(bare(row[0]), row[1]) for row in table(README, "Variable")]

    assert told == [(variable, default(field)) for variable, field in variables()]


@pytest.mark.parametrize(
    ("variable", "numbers"),
    [(variable, bounds(field)) for variable, field in variables() if bounds(field)],
)
def test_bounds(variable: str, numbers: set[str]) -> None:
    """Beside each number stand the numbers that bound it."""
    (meaning,) = (row[2] for row in table(README, "Variable") if bare(row[0]) == variable)

    assert numbers <= set(re.findall(r"\d+", meaning))


def test_errors_table() -> None:
    """The README lists every error with its code, its status, and the words of its page."""
    told = {(bare(row[0]), int(row[1]), row[2]) for row in table(README, "Code")}

    assert told == {
        (error.slug, error.status, " ".join(str(error.__doc__).split())) for error in errors()
    }


def figures() -> Mapping[str, str]:
    """Return our series and their kinds, as `/metrics` shows them."""
    cache = SimpleNamespace(
        bytes=0,
        entries=0,
        hits=0,
        misses=0,
        collapsed=0,
        evictions=0,
        stale=0,
        refreshes=0,
        stale_if_error=0,
    )
    metrics = Metrics(version="1", monotonic=lambda: 0.0, cache_figures=lambda: cache)
    suffixes = {"counter": "_total", "info": "_info"}
    return {
        family.name + suffixes.get(family.type, ""): family.type.replace("info", "gauge")
        for family in metrics.registry.collect()
        if family.name.startswith("taskgate_")
    }


def test_metrics_table() -> None:
    """The operator's page lists every series with its kind."""
    assert {bare(row[0]): row[1] for row in table(OPERATIONS, "Series")} == figures()


def test_alerts() -> None:
    """The alerts ask for series that exist."""
    text = OPERATIONS.read_text(encoding="utf-8")
    asked = set(re.findall(r"\((?:rate\()?(taskgate_\w+)", text))

    assert asked
    assert asked <= figures().keys()


def test_events_table() -> None:
    """The operator's page lists every event that is logged."""
    line = re.compile(r'log\.(?:debug|info|warning|error|exception)\(\s*"(\w+)"')
    sources = [path.read_text(encoding="utf-8") for path in HOUSE.glob("app/**/*.py")]
    logged = {event for source in sources for event in line.findall(source)}

    assert {bare(row[0]) for row in table(OPERATIONS, "Event")} == logged


@each_page
def test_links(page: Path) -> None:
    """Every relative link leads somewhere."""
    text = page.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    "page",
    [*PAGES, CHART / "values.yaml", CHART / "values.schema.json"],
    ids=lambda page: page.name,
)
def test_variables_exist(page: Path) -> None:
    """Every variable that a page names is one that can be set."""
    known = {variable for variable, _ in variables()}
    known |= {variable.split("__")[0] for variable in known}
    named = re.findall(r"TASKGATE_[A-Z0-9_<>-]*[A-Z0-9]", page.read_text(encoding="utf-8"))
    found = {re.sub("ACCOUNTS__[A-Z0-9-]+__", "ACCOUNTS__<ALIAS>__", name) for name in named}
    found = {re.sub("CONSUMERS__[A-Z0-9-]+__", "CONSUMERS__<NAME>__", name) for name in found}

    assert found - known == set()


def test_decisions() -> None:
    """Each decision is listed, numbered as its file is, and has its parts."""
    folder = HOUSE / "docs/adr"
    listed = re.findall(r"\]\((.+?)\)", (folder / "README.md").read_text(encoding="utf-8"))
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))

    assert listed == pages
    for name in pages:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {int(name[:4])}. ")
        heads = re.findall(r"^## (\w+)", text, re.MULTILINE)
        assert heads[:4] == ["Context", "Decision", "Consequences", "Alternatives"]


def test_chart_tells_our_numbers() -> None:
    """What the chart says of the cache and of draining is what the code does."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    cache_mib = Settings.model_fields["cache"].default.max_bytes // 2**20

    assert f"TASKGATE_CACHE__MAX_BYTES, {cache_mib} MiB unless set" in text
    assert f"up to {DRAIN_S} finishing" in " ".join(text.replace("#", " ").split())


def test_drain_is_told() -> None:
    """The pages name the seconds that a request gets to finish."""
    pages = (OPERATIONS, HOUSE / "CHANGELOG.md")

    assert all(f"{DRAIN_S} seconds" in page.read_text(encoding="utf-8") for page in pages)


def test_changelog() -> None:
    """The changelog begins with what counts as breaking, and with what is not released yet."""
    text = (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8")
    releases: list[Any] = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)

    assert "**Breaking**" in text.split("\n\n")[1]
    assert releases[0] == "Unreleased"
    assert f"To be {__version__}" in text or __version__ in releases


def test_threat_model() -> None:
    """Each row of the threat model names tests, and every test that it names exists."""
    page = HOUSE / "docs/threat-model.md"
    rows = [row[3] for row in table(page, "Threat")]
    named = [re.findall(r"`(tests/\S+\.py)::(\w+)`", row) for row in rows]
    missing = [
        f"{path}::{test}"
        for tests in named
        for path, test in tests
        if f"def {test}(" not in (HOUSE / path).read_text(encoding="utf-8")
    ]

    assert all(named)
    assert missing == []


def test_key_pattern() -> None:
    """The page tells scanners the pattern that keys really have."""
    assert f"\\b{PATTERN}\\b" in (HOUSE / "SECURITY.md").read_text(encoding="utf-8")
