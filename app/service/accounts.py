"""How the accounts fare: what each read told, kept for `/v1/accounts` and readiness."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from app.errors import ServiceError
from app.service.encode import time_text
from app.service.scope import Scope

AccountStatus = Literal["ok", "degraded", "down", "unknown"]

_DOWN_AFTER = 3  # failures in a row; one or two may be a passing fault
Meta = msgspec.Meta


class Account(msgspec.Struct, frozen=True):
    """One account as callers see it; never a secret."""

    account: Annotated[str, Meta(description="Alias, part of every id.", examples=["eu2"])]
    host: Annotated[str, Meta(description="Data centre.", examples=["eu2-cloud.acronis.com"])]
    sandbox: Annotated[bool, Meta(description="Whether its data is made up.")]
    status: Annotated[
        str,
        Meta(
            description="`unknown` until first asked, then `ok`, `degraded` (the last call "
            "failed) or `down` (it keeps failing, or never worked).",
            examples=["ok"],
        ),
    ]
    data_as_of: Annotated[
        str | None,
        Meta(
            description="When it last answered.",
            examples=["2026-11-23T10:00:00.000Z"],
            extra_json_schema={"format": "date-time"},
        ),
    ]
    problem: Annotated[
        str | None,
        Meta(description="Slug of its last failure; null when it works.", examples=[None]),
    ]


class AccountList(msgspec.Struct, frozen=True):
    """The accounts that the caller may see."""

    items: tuple[Account, ...]


@dataclass(slots=True)
class _Record:
    host: str
    as_of_ns: int | None = None
    problem: str | None = None
    failures: int = 0

    @property
    def status(self) -> AccountStatus:
        if self.problem is None:
            return "unknown" if self.as_of_ns is None else "ok"
        if self.as_of_ns is None or self.failures >= _DOWN_AFTER:
            return "down"
        return "degraded"


class AccountBook:
    """Remembers how the last reads of each account went; asks nothing itself."""

    def __init__(self, hosts: Mapping[str, str], *, sandbox: bool) -> None:
        self._records = {alias: _Record(host) for alias, host in sorted(hosts.items())}
        self._sandbox = sandbox

    def answered(self, account: str, as_of_ns: int) -> None:
        """Note that `account` answered a read begun at `as_of_ns` (Unix nanoseconds)."""
        record = self._records[account]
        record.as_of_ns = max(as_of_ns, record.as_of_ns or 0)
        record.problem, record.failures = None, 0

    def failed(self, account: str, error: ServiceError) -> None:
        """Note that a read of `account` failed."""
        record = self._records[account]
        record.problem = error.slug
        record.failures += 1

    def list(self, scope: Scope) -> AccountList:
        """Return the accounts that `scope` may see, by alias."""
        return AccountList(tuple(each for each in self._accounts() if scope.sees(each.account)))

    @property
    def degraded(self) -> bool:
        """Whether any account failed when it was last asked."""
        return any(record.problem for record in self._records.values())

    def _accounts(self) -> Iterable[Account]:
        for alias, record in self._records.items():
            as_of = record.as_of_ns
            yield Account(
                account=alias,
                host=record.host,
                sandbox=self._sandbox,
                status=record.status,
                data_as_of=None if as_of is None else time_text(as_of),
                problem=record.problem,
            )
