"""The three forms of an id: ours, the platform's number, a UUID."""

import re
from collections.abc import Collection

import msgspec

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
NUMBER_MAX = str(2**63 - 1)  # the platform refuses more (P§5.5)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Ref(msgspec.Struct, frozen=True):
    """What an id points at: a number or a UUID, in one account or, when None, in any."""

    account: str | None
    number: str | None
    uuid: str | None


def read_number(text: str) -> str | None:
    """Return `text` when it is a number that the platform may use as an id, else None."""
    return text if _NUMBER.fullmatch(text) and int(text) <= int(NUMBER_MAX) else None


def read_ref(text: str, accounts: Collection[str]) -> Ref | None:
    """Return what `text` points at, or None when it has no valid form or names no account.

    UUIDs and aliases ignore case.
    """
    folded = text.lower()
    alias, dot, rest = folded.rpartition(".")
    if dot and alias not in accounts:
        return None
    account = alias if dot else None
    if read_number(rest) is not None:
        return Ref(account, rest, None)
    if UUID.fullmatch(rest):
        return Ref(account, None, rest)
    return None
