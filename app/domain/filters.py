"""Filters that the platform lacks: what is looked at here, item by item."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from app.domain.parts import Tenant
from app.domain.query import TaskQuery
from app.domain.reading import Item, ItemT_co, Reading

Keep: TypeAlias = Callable[[Reading[Item]], bool]


class Tenants(Protocol):
    """Which number stands for a tenant's UUID; the platform tells only in items (P§10.3)."""

    def learn(self, account: str, uuid: str, number: str) -> None:
        """Remember what an item of the tenant said."""

    def number_of(self, account: str, uuid: str) -> str | None:
        """Return the tenant's number, None while no item of it was seen."""

    def meet(self, account: str, tenant: Tenant, within: tuple[str, ...]) -> None:
        """Remember that an item of `tenant` was seen by those who may see what is `within`."""

    def are_met(
        self, accounts: Iterable[str], asked: Iterable[str], within: tuple[str, ...]
    ) -> bool:
        """Say whether each tenant in `asked` has a part that those may see; unknown is no."""


def sight(within: tuple[str, ...] | None, tenants: Tenants) -> Keep | None:
    """Return the check of what may be seen by those who see the subtrees `within`; None for all.

    It fails closed: an item without a readable tenant is invisible, and so is what lies below a
    UUID whose number no item told yet.
    """
    if within is None:
        return None
    inside = _of_tenants(within, tenants, exact=False)

    def sees(reading: Reading[Item]) -> bool:
        tenant = reading.item.tenant
        if reading.number is None or tenant is None or not inside(reading):
            return False
        tenants.meet(reading.item.account, tenant, within)
        return True

    return sees


def visible(
    readings: Sequence[Reading[ItemT_co]], sees: Keep | None
) -> Sequence[Reading[ItemT_co]]:
    """Return those of `readings` that may be seen, whichever tells its tenant's number."""
    if sees is None:
        return readings
    for reading in readings:
        sees(reading)
    return [reading for reading in readings if sees(reading)]


def unknown_tenants(query: TaskQuery, account: str, tenants: Tenants) -> tuple[str, ...]:
    """Return the UUIDs whose subtrees `query` is about while no item told their numbers."""
    wanted = () if query.tenant_exact else query.values("tenant")
    uuids = sorted({each for each in (*wanted, *(query.within or ())) if not each.isdecimal()})
    return tuple(each for each in uuids if tenants.number_of(account, each) is None)


def local_filters(query: TaskQuery, tenants: Tenants) -> list[Keep]:
    """Return the checks of those filters of `query` that the platform knows nothing of.

    An item passes when all of them hold. That of the tenant comes first: it learns from every item.
    """
    keeps: list[Keep] = []
    if wanted := query.values("tenant"):
        keeps.append(_of_tenants(wanted, tenants, exact=query.tenant_exact))
    if categories := frozenset(query.values("category")):
        keeps.append(lambda reading: reading.item.category in categories)
    if codes := frozenset(query.values("error_code")):
        keeps.append(lambda reading: _error_code(reading) in codes)
    if query.roots_only:
        # Unknown is no reason to drop: most items of newer kinds don't say (P§10.8).
        keeps.append(lambda reading: reading.item.is_root is not False)
    return keeps


def _error_code(reading: Reading[Item]) -> str | None:
    error = reading.item.error
    return error.code if error else None


def _of_tenants(wanted: Iterable[str], tenants: Tenants, *, exact: bool) -> Keep:
    uuids = frozenset(each for each in wanted if not each.isdecimal())
    numbers = frozenset(wanted) - uuids

    def keep(reading: Reading[Item]) -> bool:
        item, tenant = reading.item, reading.item.tenant
        if tenant is None:
            return False
        if tenant.uuid in uuids:
            tenants.learn(item.account, tenant.uuid, tenant.id)
            return True
        line = (tenant.id,) if exact else (tenant.id, *tenant.ancestor_ids)
        return not numbers.isdisjoint(line) or any(
            tenants.number_of(item.account, uuid) in line for uuid in uuids
        )

    return keep


class KnownTenants:
    """The numbers of the tenants that were asked for by UUID, as items told them.

    It holds `most` of them, then starts anew: a number that was forgotten is learned again.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._numbers: dict[tuple[str, str], str] = {}
        self._met: dict[tuple[str, tuple[str, ...], str], None] = {}

    def learn(self, account: str, uuid: str, number: str) -> None:
        """Remember what an item of the tenant said."""
        if len(self._numbers) >= self._most:
            self._numbers.clear()
        self._numbers[account, uuid] = number

    def number_of(self, account: str, uuid: str) -> str | None:
        """Return the tenant's number, None while no item of it was seen."""
        return self._numbers.get((account, uuid))

    def meet(self, account: str, tenant: Tenant, within: tuple[str, ...]) -> None:
        """Remember that an item of `tenant` was seen by those who may see what is `within`.

        Its ancestors have a visible part then: this one.
        """
        if (account, within, tenant.id) in self._met and (
            tenant.uuid is None or (account, within, tenant.uuid) in self._met
        ):
            return
        if len(self._met) >= self._most:
            self._met.clear()
        names = (tenant.id, *tenant.ancestor_ids, *((tenant.uuid,) if tenant.uuid else ()))
        self._met.update(dict.fromkeys((account, within, name) for name in names))

    def are_met(
        self, accounts: Iterable[str], asked: Iterable[str], within: tuple[str, ...]
    ) -> bool:
        """Say whether each tenant in `asked` has a part that those may see; unknown is no."""
        return all(
            name in within or any(self._is_met(account, name, within) for account in accounts)
            for name in asked
        )

    def _is_met(self, account: str, name: str, within: tuple[str, ...]) -> bool:
        if (account, within, name) in self._met:
            return True
        number = self.number_of(account, name)
        return number is not None and (account, within, number) in self._met
