"""What admins may do with kept answers: end them, or be told how a request would be answered."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Annotated, Any

import msgspec

from app.cache.freshness import Freshness
from app.domain.query import TaskQuery
from app.errors import AccountNotFoundError, ScopeDeniedError
from app.service.encode import key_text
from app.service.forecast import UpstreamCall, upstream_calls
from app.service.house import House
from app.service.questions import OneItem, QueryT, Question, Tree, as_kept
from app.service.scope import Scope
from app.service.steps import Steps

Meta = msgspec.Meta
_AnId = Annotated[str, Meta(min_length=1, max_length=64)]


class Purge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to end: all that matches everything given, or all there is."""

    account: Annotated[_AnId | None, Meta(description="Alias.", examples=["eu2"])] = None
    tenant: Annotated[
        _AnId | None,
        Meta(
            description="Numeric id or UUID, for all that may show something of it: every answer "
            "within `account`, since what is below which tenant nobody can tell beforehand."
        ),
    ] = None
    query: Annotated[
        Annotated[str, Meta(max_length=8192)] | None,
        Meta(description="A path with its query, for the answers to it, whoever may see them."),
    ] = None
    all: Annotated[bool, Meta(description="All there is; nothing else may be given.")] = False
    hard: Annotated[
        bool, Meta(description="Forget it; else it may still serve when the platform fails.")
    ] = False


class Purged(msgspec.Struct, frozen=True):
    """How many answers were kept and matched."""

    purged: int


class Explanation(msgspec.Struct, frozen=True):
    """How a request would be answered now; times in seconds.

    `ttl_s` and the two below it are what is left of the three clocks: fresh, served at once while
    it is loaded behind, served when the platform fails. `problem` is that of the last load, or what
    the request itself is told: `not-cached` for one that wants no call where nothing kept will do,
    `upstream-unavailable` for one with `partial=deny` where what is kept lacks an account.
    """

    query: dict[str, Any]
    key: str
    how: str
    age_s: float | None
    ttl_s: float | None
    stale_while_revalidate_s: float | None
    stale_if_error_s: float | None
    size_bytes: int
    problem: str | None
    probe_in_s: float | None
    in_the_air: bool
    upstream_calls: tuple[UpstreamCall, ...]


class Admin:
    """Looks into the cache of `house` for admins; what they may not see stays out of reach."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def purge(
        self,
        scope: Scope,
        *,
        account: str | None = None,
        question: Question | Steps | None = None,
        hard: bool = False,
    ) -> int:
        """End the freshness of what matches all that is given, and return how many were kept.

        A tenant narrows nothing, so none is taken: a list that names another may name its parent,
        or the same one by its other spelling, and what is below what, nobody can tell.

        With the activities of a task that is known by a bare id or a UUID, the answers that say
        which task that is end too, for those lead to the ones that show something.

        Raises:
            AccountNotFoundError: there is no `account`.
            ScopeDeniedError: it is outside of `scope`.
        """
        if account is not None:
            scope.refuse([account], self._house.accounts)
            if account not in self._house.accounts:
                raise AccountNotFoundError(f"There is no account {account!r}.")

        sought = None if question is None else _bared(await self._asked(question, scope))

        def matches(key: Hashable) -> bool:
            if not isinstance(key, Question) or not _is_within(key, scope):
                return False
            within = account is None or account in key.accounts
            return within and (sought is None or _is_among(key, sought))

        return await self._house.cache.purge(matches, hard=hard)

    async def _asked(self, question: Question | Steps, scope: Scope) -> list[Question]:
        """Return all that is asked for `question`, as far as what is kept leads on."""
        if not isinstance(question, Steps):
            return [question]

        sought = _bared([question.task])

        def finds(key: Hashable) -> bool:
            return isinstance(key, OneItem) and _is_within(key, scope) and _is_among(key, sought)

        found = await self._house.cache.answers(finds)
        return [question.task, *{question.of(each) for each in found}]

    def explain(self, question: Question | Steps, freshness: Freshness) -> Explanation:
        """Return how `question` would be answered; nobody is asked.

        Of activities whose task must be found first, that step is told where it is not kept.

        Raises:
            ScopeDeniedError: it goes on from a place that may be that of an unseen item.
        """
        if isinstance(question, Steps):
            question = self._next_asked(question, freshness)
        elif isinstance(question, TaskQuery):
            freshness = replace(freshness, whole=not question.partial)
            if question.position is not None and question.within is not None:
                raise ScopeDeniedError("Cursors are explained to those who see every tenant.")
            question = as_kept(question)
        told = self._house.cache.explain(question, freshness)
        calls = upstream_calls(question, self._house) if told.asks else ()
        return Explanation(
            query=msgspec.to_builtins(question),
            key=key_text(question),
            how=told.how,
            age_s=told.age_s,
            ttl_s=told.ttl_s,
            stale_while_revalidate_s=told.stale_while_revalidate_s,
            stale_if_error_s=told.stale_if_error_s,
            size_bytes=told.size_bytes,
            problem=told.problem,
            probe_in_s=told.probe_in_s,
            in_the_air=told.in_the_air,
            upstream_calls=tuple(calls),
        )

    def _next_asked(self, steps: Steps, freshness: Freshness) -> Question:
        found = self._house.cache.look(steps.task, freshness)
        if found is None or found.kept.error is not None:
            return steps.task
        return steps.of(found.unwrap())


def _is_within(question: Question, scope: Scope) -> bool:
    """Say whether all that an answer may show is in `scope`."""
    visible = all(scope.sees(account) for account in question.accounts)
    return visible and scope.tenants in {None, question.within}


def _bared(questions: Iterable[Question]) -> list[tuple[Question, frozenset[str]]]:
    return [(_bare(each), frozenset(each.accounts)) for each in questions]


def _is_among(question: Question, sought: Iterable[tuple[Question, frozenset[str]]]) -> bool:
    """Say whether one that is sought asks the same, whoever sees how much of the answer."""
    bare = _bare(question)
    return any(bare == other and within.issuperset(question.accounts) for other, within in sought)


def _bare(question: Question) -> Question:
    if isinstance(question, Tree):
        return Tree(_bare_query(question.query))
    if isinstance(question, OneItem):
        return msgspec.structs.replace(question, accounts=(), within=None)
    return _bare_query(question)


def _bare_query(query: QueryT) -> QueryT:
    return msgspec.structs.replace(as_kept(query), accounts=(), within=None)
