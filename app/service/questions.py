"""What a caller asks → the question that is answered: it is the cache key."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

import msgspec

from app.domain.ids import Ref, read_ref
from app.domain.parsing import Asked
from app.domain.query import ActivityQuery, Shape, TaskQuery
from app.errors import AccountNotFoundError, CursorMismatchError, ParameterFault
from app.service.house import House
from app.service.nouns import Noun
from app.service.scope import Caller


class OneItem(msgspec.Struct, frozen=True):
    """The question for a single item, as a cache key; `within` is what the asker may see."""

    noun: str
    ref: Ref
    accounts: tuple[str, ...]
    shape: Shape
    within: tuple[str, ...] | None


class Tree(msgspec.Struct, frozen=True):
    """The question for the activities of a task as a tree, as a cache key."""

    query: ActivityQuery

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that are asked."""
        return self.query.accounts

    @property
    def within(self) -> tuple[str, ...] | None:
        """What the asker may see."""
        return self.query.within


Question: TypeAlias = TaskQuery | Tree | OneItem
"""All that is answered from the cache."""

QueryT = TypeVar("QueryT", bound=TaskQuery)


def resolve(asked: Asked, caller: Caller, house: House) -> TaskQuery:
    """Return the question that `asked` is for `caller`, who may have found its cursor.

    Raises:
        RequestError: no such account, one outside of what `caller` may see, or a cursor that is
            not ours or not of this query.
    """
    scope = caller.scope
    accounts = _known(asked.query.accounts, caller, house.accounts)
    query = msgspec.structs.replace(asked.query, accounts=accounts, within=scope.tenants)
    if asked.cursor is None:
        return query
    walked = house.cursors.read(asked.cursor, type(query))
    for account in walked.accounts:
        if account not in house.accounts:
            raise AccountNotFoundError("The cursor is of an account that is no more.")
    if not query.agrees(walked, asked.given):
        raise CursorMismatchError(
            "What stands beside the cursor differs from what it was made for; leave it out.",
            faults=[ParameterFault("cursor", "was made for other filters or another order")],
        )
    visible = scope.only(walked.accounts)
    missed = tuple(each for each in walked.missed if each in visible)
    return msgspec.structs.replace(
        walked,
        limit=asked.limit or walked.limit,
        partial=query.partial,
        accounts=visible,
        missed=missed,
        within=scope.tenants,
    )


def point(text: str, shape: Shape, caller: Caller, *, noun: Noun, house: House) -> OneItem:
    """Return the question for the item with the id `text`, as `caller` may see it.

    Raises:
        RequestError: the id has no valid form, or names an account that is not seen.
    """
    visible = tuple(each for each in house.accounts if caller.scope.sees(each))
    ref = read_ref(text, visible)
    if ref is None or not visible:
        raise noun.missing(text)
    accounts = (ref.account,) if ref.account else visible
    # The same number in the same accounts is the same question, with the alias or without.
    ref = msgspec.structs.replace(ref, account=None)
    return OneItem(noun.one, ref, accounts, shape, caller.scope.tenants)


def as_kept(query: QueryT) -> QueryT:
    """Return the question that is asked for `query`: whoever takes no gaps asks the same."""
    return msgspec.structs.replace(query, partial=True)


def _known(aliases: Sequence[str], caller: Caller, known: tuple[str, ...]) -> tuple[str, ...]:
    if not aliases:
        return caller.scope.only(known)
    caller.scope.refuse(aliases, known)
    for alias in aliases:
        if alias not in known:
            near = get_close_matches(alias, filter(caller.scope.sees, known), 1)
            fault = ParameterFault(
                "account", "is no account here", did_you_mean=next(iter(near), None)
            )
            raise AccountNotFoundError(f"There is no account {alias!r}.", faults=[fault])
    return tuple(aliases)
