"""What the platform has no filter for: tenants, categories, faults, roots."""

from typing import Any

import msgspec
import pytest

from app.domain.filters import KnownTenants, local_filters
from app.domain.parts import Tenant
from app.domain.query import TaskQuery
from app.domain.reading import Reading
from app.platform.normalise import read_page

UUID = "6b1f0c0e-3f5b-4c5a-9d0e-0f6f6a2f6d11"
OWN = {"id": "12", "locator": "/1/12/", "uuid": UUID.upper()}
OWN_BY_NUMBER = {"id": "12", "locator": "/1/12/"}
BELOW = {"id": "123", "locator": "/1/12/123/"}
BESIDE = {"id": "13", "locator": "/1/13/"}


def reading(**sent: Any) -> Reading:
    """Return the reading of an item as the platform sends it."""
    (found,), _ = read_page(msgspec.json.encode({"items": [{"id": 7, **sent}]}), "eu2")
    return found


def kept(query: TaskQuery, *tenants: dict[str, str], known: KnownTenants) -> list[bool]:
    """Return which of the items of some tenants pass, one after the other."""
    (keep,) = local_filters(query, known)
    return [keep(reading(tenant=tenant)) for tenant in tenants]


@pytest.mark.parametrize(
    ("wanted", "exact", "passed"),
    [
        pytest.param("12", False, [True, True, True, False], id="number"),
        pytest.param("12", True, [True, True, False, False], id="number alone"),
        pytest.param("1", False, [True, True, True, True], id="root"),
        pytest.param("1", True, [False, False, False, False], id="root alone"),
        pytest.param(UUID, False, [True, True, True, False], id="uuid"),
        pytest.param(UUID, True, [True, True, False, False], id="uuid alone"),
        pytest.param("2", False, [False, False, False, False], id="start of a number"),
    ],
)
def test_tenant(wanted: str, *, exact: bool, passed: list[bool]) -> None:
    """A tenant means its subtree, or itself alone; steps of the path are compared whole."""
    query = TaskQuery(filters=(("tenant", (wanted,)),), tenant_exact=exact)

    assert kept(query, OWN, OWN_BY_NUMBER, BELOW, BESIDE, known=KnownTenants()) == passed


def test_subtree_of_a_uuid() -> None:
    """What is below a UUID matches once an item of the tenant itself was seen, and from then on."""
    query, known = TaskQuery(filters=(("tenant", (UUID,)),)), KnownTenants()

    assert kept(query, BELOW, OWN, BELOW, known=known) == [False, True, True]
    assert kept(query, BELOW, known=known) == [True]
    assert known.number_of("us", UUID) is None


def test_known_tenants_are_bounded() -> None:
    """No number of questions makes the memory of tenants grow for ever."""
    known = KnownTenants(most=2)
    for number in range(3):
        known.learn("eu2", f"u{number}", str(number))

    assert [known.number_of("eu2", f"u{number}") for number in range(3)] == [None, None, "2"]


@pytest.mark.parametrize(
    ("query", "sent", "passed"),
    [
        pytest.param(TaskQuery(filters=(("tenant", ("1",)),)), {}, False, id="no tenant"),
        pytest.param(
            TaskQuery(filters=(("category", ("agent", "backup")),)),
            {"policy": {"id": "p", "type": "backup"}},
            True,
            id="category",
        ),
        pytest.param(TaskQuery(filters=(("category", ("agent",)),)), {}, False, id="other"),
        pytest.param(
            TaskQuery(filters=(("error_code", ("Full",)),)),
            {"result": {"code": "error", "error": {"domain": "d", "code": "Full"}}},
            True,
            id="error code",
        ),
        pytest.param(TaskQuery(filters=(("error_code", ("Full",)),)), {}, False, id="no error"),
        pytest.param(
            TaskQuery(roots_only=True), {"context": {"IsProcessRoot": False}}, False, id="step"
        ),
        pytest.param(
            TaskQuery(roots_only=True), {"context": {"IsProcessRoot": True}}, True, id="root"
        ),
        pytest.param(TaskQuery(roots_only=True), {}, True, id="unknown root"),
    ],
)
def test_local_filter(query: TaskQuery, sent: dict[str, Any], *, passed: bool) -> None:
    """What an item says of itself is looked at; only what is no root for sure is dropped."""
    (keep,) = local_filters(query, KnownTenants())

    assert keep(reading(**sent)) is passed


def test_no_filter() -> None:
    """Without such a filter nothing is looked at, so that nothing is scanned."""
    assert local_filters(TaskQuery(filters=(("type", ("a",)),)), KnownTenants()) == []


def test_forgets_who_was_met() -> None:
    """What was met is bounded; forgotten it is unknown, and unknown is outside."""
    tenants = KnownTenants(most=4)
    one, other = (
        Tenant(id=number, uuid=None, name=None, ancestor_ids=("1",)) for number in ("7", "8")
    )
    for each in (one, one):
        tenants.meet("eu2", each, ("1",))
    assert tenants.are_met(["eu2"], ["7", "1"], ("1",))
    tenants.meet("eu2", other, ("2",))
    tenants.meet("eu2", other, ("3",))

    assert not tenants.are_met(["eu2"], ["7"], ("1",))
    assert not tenants.are_met(["eu2"], ["00000000-0000-4000-8000-000000000007"], ("1",))
