"""Two accounts with the tasks of three tenants, and consumers who may see parts of them."""

from typing import Any

from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.upstream import FakeUpstream, a_task, an_activity

NORTH, TIMBER, BAKERY, PARTNER = "1496310", "1496311", "1496301", "1496262"
NORTH_UUID = "0f0f0f0f-0000-4000-8000-000001496310"
_LOCATORS = {
    NORTH: f"/1/{PARTNER}/{NORTH}/",
    TIMBER: f"/1/{PARTNER}/{NORTH}/{TIMBER}/",
    BAKERY: f"/1/{PARTNER}/{BAKERY}/",
}


def of(tenant: str) -> dict[str, Any]:
    """Return the fields of an item that belongs to `tenant`."""
    told = {"id": tenant, "name": f"Name of {tenant}", "locator": _LOCATORS[tenant]}
    if tenant == NORTH:
        told["uuid"] = NORTH_UUID
    return {"tenant": told}


def platforms(time: FakeTime) -> dict[str, FakeUpstream]:
    """Return `eu2` and `us`; task 2 is of the bakery in one and of the north in the other.

    Task 1 of `eu2` has a step that is the bakery's, and the newest item has no tenant at all.
    """
    eu2 = FakeUpstream(clock=time.clock)
    eu2.tasks = [a_task(1, **of(TIMBER)), a_task(2, **of(BAKERY)), a_task(4, **of(NORTH))]
    eu2.tasks.append({"id": 5, "enqueuedAt": "2026-01-01T00:00:05Z"})
    eu2.activities = [
        an_activity(11, 1, **of(TIMBER)),
        an_activity(12, 2, **of(BAKERY)),
        an_activity(13, 1, **of(BAKERY)),
    ]
    us = FakeUpstream(tasks=[a_task(2, **of(NORTH)), a_task(3, **of(BAKERY))], clock=time.clock)
    return {"eu2": eu2, "us": us}


CONSUMERS: dict[str, dict[str, Any]] = {
    "all": {},
    "admin": {"admin": True},
    "us": {"accounts": "us"},
    "north": {"tenants": NORTH},
    "uuid": {"tenants": NORTH_UUID.upper()},
    "bakery": {"accounts": "eu2", "tenants": BAKERY},
    "north2": {"tenants": f"{NORTH},{NORTH}"},
}
KINDS = ("nobody", "stranger", "all", "admin", "us", "north", "uuid", "bakery")
"""The eight kinds of consumer of the matrix; `north2` is the twin of `north`."""


def headers(kind: str) -> dict[str, str]:
    """Return what a consumer of a kind sends."""
    return {} if kind == "nobody" else bearer(kind)


def settings(**changes: Any) -> dict[str, Any]:
    """Return what `serving` needs to know these consumers."""
    return required(**CONSUMERS) | changes
