"""The catalogue: names and categories of kinds of work."""

import tomllib
from pathlib import Path

import pytest

import app.domain.catalogue as module
from app.domain.catalogue import CATEGORIES, kind_of


@pytest.mark.parametrize(
    ("type_", "policy_type", "category", "name"),
    [
        pytest.param("A59E8BF2-39C3-42C4-B667-CB672381A214", None, "agent", "Add agent", id="GUID"),
        pytest.param(
            "a59e8bf2-39c3-42c4-b667-cb672381a214", None, "agent", "Add agent", id="lower case"
        ),
        pytest.param("ODRestore", "backup", "recovery", "Restore OneDrive", id="type goes first"),
        pytest.param("Unheard", "Backup", "backup", None, id="policy"),
        pytest.param(None, "vulnerability_assessment", "vulnerability_scan", None, id="no type"),
        pytest.param("Backup of all", "policy.protection.total", "other", None, id="no search"),
        pytest.param(None, None, "other", None, id="nothing"),
    ],
)
def test_kind(type_: str | None, policy_type: str | None, category: str, name: str | None) -> None:
    """The category comes of the type, else of the plan's type, else it is `other`."""
    assert kind_of(type_, policy_type) == (category, name)


def test_list_is_sound() -> None:
    """Every category in the file is one of the contract's, so that a typing slip is noticed."""
    listed = tomllib.loads(Path(module.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    words = {entry["category"] for entry in listed["types"].values()}

    assert words | set(listed["policies"].values()) <= set(CATEGORIES)
