"""Names and categories for the platform's kinds of work; `catalogue.toml` is the list to extend."""

import tomllib
from pathlib import Path
from typing import NamedTuple

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


class Kind(NamedTuple):
    """A kind of work: its field, and its name when it has one."""

    category: str
    name: str | None = None


_OTHER = Kind("other")
_LISTED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_BY_TYPE = {
    type_.lower(): Kind(entry["category"], entry["name"])
    for type_, entry in _LISTED["types"].items()
}
_BY_POLICY_TYPE = {type_.lower(): Kind(word) for type_, word in _LISTED["policies"].items()}


def kind_of(type_: str | None, policy_type: str | None) -> Kind:
    """Return the kind of work by its type, else by its plan's type, whatever their case.

    Texts are never searched: a plan called "Backup of the malware lab" says nothing.
    """
    known = _BY_TYPE.get(type_.lower()) if type_ else None
    if known is None and policy_type:
        known = _BY_POLICY_TYPE.get(policy_type.lower())
    return known or _OTHER
