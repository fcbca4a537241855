"""Whose data it is: tenants in a tree, their machines, mailboxes and sites, their plans."""

import uuid
from functools import lru_cache
from random import Random
from typing import NamedTuple

ROOT = "/1/1496262/"


class Tenant(NamedTuple):
    """A tenant (P§10.3); `locator` is the path of numeric ids from the root."""

    id: str
    uuid: str
    name: str
    locator: str


class Resource(NamedTuple):
    """What work is done on; its agent is `None` where a cloud worker does it."""

    id: str
    name: str
    type: str
    tenant: Tenant
    agent: str | None


class Policy(NamedTuple):
    """A plan that causes work."""

    id: str
    name: str
    type: str


class Estate(NamedTuple):
    """Everything that tasks refer to."""

    tenants: tuple[Tenant, ...]
    resources: dict[str, tuple[Resource, ...]]
    policies: dict[str, tuple[Policy, ...]]


def _tenant(number: str, name: str, above: str) -> Tenant:
    return Tenant(number, str(uuid.uuid5(uuid.NAMESPACE_OID, number)), name, f"{above}{number}/")


TENANTS = (
    _tenant("1496262", "Example Partner", "/1/"),
    _tenant("1496265", "John Doe", ROOT),
    _tenant("1496301", "Example Bakery", ROOT),
    _tenant("1496302", "Bäckerei Müller & Söhne", ROOT),
    _tenant("1496310", "North region", ROOT),
    _tenant("1496311", "Nordic Timber", f"{ROOT}1496310/"),
    _tenant("1496312", "Łódź Logistics", f"{ROOT}1496310/"),
    _tenant("1496313", 'O\'Neil "Boats"', f"{ROOT}1496310/"),
    _tenant("1496320", "South region", ROOT),
    _tenant("1496321", "株式会社サンプル", f"{ROOT}1496320/"),
    _tenant("1496322", "Customer (demo)", f"{ROOT}1496320/"),
    _tenant("1496330", "Workshop unit", f"{ROOT}1496320/1496322/"),
)
_PLANS = {
    "backup": (
        "Nightly (full)",
        "Nightly servers (full)",
        "Nightly laptops",
        "Weekly archive",
        'Büro "Süd"',
        "Databases",
        "Office 365 mailboxes",
        "Office 365 OneDrive",
        "Google Workspace",
        "Bob's plan \\ old",
    ),
    "vulnerability_assessment": ("Vulnerability scan", "Patch Tuesday check", "Third-party apps"),
    "antimalware": ("Malware protection", "Full scan (weekend)", "Schutz für Rechner"),
    "policy.protection.total": ("XDR plan", "Total protection", "EDR - XDR Protection", "Baseline"),
}
_HOSTS = ("srv-files", "srv-sql", "DESKTOP-GFT9S", "WIN-R1OR1V", "büro-pc", "laptop")
_PEOPLE = ("anna", "jürgen", "o'hara", "li.wei", "søren", "maria", "paul", "zoë")


@lru_cache(maxsize=8)
def estate(seed: int) -> Estate:
    """Return the 12 tenants, 150 resources and 20 policies of a seed."""
    rng = Random(seed)  # noqa: S311
    resources = {
        "machine": tuple(_machine(rng, index) for index in range(90)),
        "mailbox": tuple(_account(rng, "mailbox", index) for index in range(30)),
        "drive": tuple(_account(rng, "drive", index) for index in range(20)),
        "site": tuple(_account(rng, "site", index) for index in range(10)),
    }
    policies = {
        type_: tuple(Policy(fresh_uuid(rng), name, type_) for name in names)
        for type_, names in _PLANS.items()
    }
    return Estate(TENANTS, resources, policies)


def fresh_uuid(rng: Random) -> str:
    """Return a version-4 UUID out of the given randomness."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _machine(rng: Random, index: int) -> Resource:
    name = f"{rng.choice(_HOSTS)}-{index:02d}"
    tenant = rng.choice(TENANTS[1:])
    return Resource(fresh_uuid(rng), name, "machine", tenant, fresh_uuid(rng))


def _account(rng: Random, type_: str, index: int) -> Resource:
    person, tenant = rng.choice(_PEOPLE), rng.choice(TENANTS[1:])
    name = {
        "mailbox": f"{person}{index}@bakery.example",
        "drive": f"{person.title()} Müller's OneDrive {index}",
        "site": f"Team site '{person}' #{index}",
    }[type_]
    return Resource(fresh_uuid(rng), name, type_, tenant, None)
