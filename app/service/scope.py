"""Who asks and what they may see: the names that travel from the edge to the cache's key."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from app.errors import ParameterFault, ScopeDeniedError
from app.service.asking import ASKING, Party


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

    def only(self, accounts: Sequence[str]) -> tuple[str, ...]:
        """Return those of `accounts` that may be seen, in their order.

        Raises:
            ScopeDeniedError: none of them may.
        """
        seen = tuple(each for each in accounts if self.sees(each))
        if not seen:
            raise ScopeDeniedError("You may see none of the accounts that this is about.")
        return seen

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

    @property
    def weight(self) -> float:
        """What its turns at an account weigh beside others': as much as it may ask."""
        return self.rate or 1.0


ANYBODY = Consumer(name="anybody", scope=EVERYTHING, rate=None, admin=False)


class Caller:
    """One request of a consumer: what it may see, and what it pays when it causes upstream work."""

    __slots__ = ("_paid", "_take", "consumer", "scope")

    def __init__(self, consumer: Consumer, take: Callable[[Consumer], None]) -> None:
        self.consumer = consumer
        self.scope = consumer.scope
        self._take = take
        self._paid = False

    def admit(self) -> None:
        """Let this request begin a load; the first costs one of the consumer's rate.

        What begins in this context from now on is for this consumer.

        Raises:
            RateLimitedError: nothing is left.
        """
        if not self._paid:
            self._take(self.consumer)
            self._paid = True
        ASKING.set(Party(self.consumer.name, self.consumer.weight))

    def board(self) -> None:
        """Have the work of this context, which another began, done for this consumer too."""
        party = ASKING.get()
        if party is not None:
            party.join(self.consumer.name, self.consumer.weight)
