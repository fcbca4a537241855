"""Who asks and what they may see: the names that travel from the edge to the cache's key."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.errors import ParameterFault, ScopeDeniedError


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts (aliases) and tenants (numbers or UUIDs; subtrees count) that may be seen.

    None is all of them. Both are sorted and without duplicates, so that equal scopes are equal
    keys: build it with `Scope.of`.
    """

    accounts: tuple[str, ...] | None = None
    tenants: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, *, accounts: Collection[str] | None = None, tenants: Collection[str] | None = None
    ) -> "Scope":
        """Return the scope in its one spelling."""
        return cls(
            None if accounts is None else tuple(sorted(set(accounts))),
            None if tenants is None else tuple(sorted(set(tenants))),
        )

    def sees(self, account: str) -> bool:
        """Say whether anything of `account` may be seen."""
        return self.accounts is None or account in self.accounts

    def refuse(self, asked: Sequence[str], known: Collection[str]) -> None:
        """Refuse those of the `asked` accounts that exist and are outside.

        One that is not `known` is left to whoever says that it does not exist.

        Raises:
            ScopeDeniedError: an account is outside.
        """
        for alias in asked:
            if alias in known and not self.sees(alias):
                fault = ParameterFault("account", "is outside of what you may see")
                raise ScopeDeniedError(f"You may not see the account {alias!r}.", faults=[fault])


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Consumer:
    """One who may ask.

    `rate` is how many requests a second may cause upstream work, None for any number; `admin` may
    purge and explain.
    """

    name: str
    scope: Scope
    rate: float | None
    admin: bool


ANYBODY = Consumer(name="anybody", scope=EVERYTHING, rate=None, admin=False)
