"""Names and categories for the platform's kinds of work; `catalogue.toml` is the list to extend."""

import tomllib
from pathlib import Path

CATEGORIES = (
    "backup",
    "recovery",
    "replication",
    "validation",
    "cleanup",
    "malware_scan",
    "vulnerability_scan",
    "patch",
    "plan",
    "agent",
    "other",
)

_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_TYPES: dict[str, tuple[str, str]] = {
    key.lower(): (entry["name"], entry["category"]) for key, entry in _LISTED["types"].items()
}
_POLICY_TYPES: dict[str, str] = {key.lower(): word for key, word in _LISTED["policies"].items()}


def type_name(type_: str | None) -> str | None:
    """Return the name of a type, whatever its case; None when the list lacks it."""
    known = _TYPES.get(type_.lower()) if type_ else None
    return known[0] if known else None


def category(type_: str | None, policy_type: str | None) -> str:
    """Return the field of work: by the type, else by the plan's type, else `other`.

    Texts are never searched: a plan called "Backup of the malware lab" says nothing.
    """
    known = _TYPES.get(type_.lower()) if type_ else None
    if known:
        return known[1]
    return _POLICY_TYPES.get(policy_type.lower(), "other") if policy_type else "other"
