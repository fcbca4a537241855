"""What admins may do with kept answers: end them, or be told how a request would be answered."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Annotated, Any

import msgspec

from app.cache.freshness import Freshness
from app.domain.query import Shape, TaskQuery
from app.errors import AccountNotFoundError, ScopeDeniedError
from app.service.activities import TASKS_PER_CALL, steps_of
from app.service.batch import Batch
from app.service.encode import key_text
from app.service.house import House
from app.service.nouns import ACTIVITIES, TASKS
from app.service.questions import OneItem, QueryT, Question, Tree, as_kept
from app.service.reading import with_filters
from app.service.scope import Scope

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


class UpstreamCall(msgspec.Struct, frozen=True):
    """A list or an item that an account would be asked for, as the platform spells it."""

    account: str
    noun: str
    parameters: Annotated[
        tuple[str, ...],
        Meta(
            description="`…` stands for the tasks that a call before finds; with few of them there "
            "are fewer such calls."
        ),
    ]


class Explanation(msgspec.Struct, frozen=True):
    """How a request would be answered now; times in seconds.

    `ttl_s` and the two below it are what is left of the three clocks: fresh, served at once while
    it is loaded behind, served when the platform fails.
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

    def purge(
        self,
        scope: Scope,
        *,
        account: str | None = None,
        question: Question | None = None,
        hard: bool = False,
    ) -> int:
        """End the freshness of what matches all that is given, and return how many were kept.

        A tenant narrows nothing, so none is taken: a list that names another may name its parent,
        or the same one by its other spelling, and what is below what, nobody can tell.

        Raises:
            AccountNotFoundError: there is no `account`.
            ScopeDeniedError: it is outside of `scope`.
        """
        if account is not None:
            scope.refuse([account], self._house.accounts)
            if account not in self._house.accounts:
                raise AccountNotFoundError(f"There is no account {account!r}.")

        def matches(key: Hashable) -> bool:
            if not isinstance(key, Question) or not _is_within(key, scope):
                return False
            within = account is None or account in key.accounts
            return within and (question is None or _asks(key, question))

        return self._house.cache.purge(matches, hard=hard)

    def explain(self, question: Question, freshness: Freshness) -> Explanation:
        """Return how `question` would be answered; nobody is asked.

        Raises:
            ScopeDeniedError: it goes on from a place that may be that of an unseen item.
        """
        walked = isinstance(question, TaskQuery) and question.position is not None
        if walked and question.within is not None:
            raise ScopeDeniedError("Cursors are explained to those who see every tenant.")
        if isinstance(question, TaskQuery):
            question = as_kept(question)
        told = self._house.cache.explain(question, freshness)
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
            upstream_calls=() if told.how == "hit" else tuple(self._calls(question)),
        )

    def _calls(self, question: Question) -> Iterator[UpstreamCall]:
        if isinstance(question, OneItem):
            ref = question.ref
            asked = ("id", ref.number) if ref.number else ("uuid", str(ref.uuid))
            for account in question.accounts:
                yield _call(account, question.noun, [asked])
                yield from _steps(account, question.shape, 1)
            return
        query = question.query if isinstance(question, Tree) else question
        noun = TASKS if type(query) is TaskQuery else ACTIVITIES
        batch = Batch(noun, query.ids, query.accounts)
        plans = self._house.plans(query, self._house.moment(query, self._house.fanout.now_ns()))
        for account in query.accounts:
            plan = plans[account]
            lists = [params for _, params in plan.lists] if plan is not None else []
            most = query.limit
            if query.ids:
                wanted = batch.wanted(account)
                lists = [each for ids in wanted for each in (ids, with_filters(plan, ids)) if each]
                most = min(most, sum(map(len, wanted))) if plan is not None else 0
            yield from (_call(account, noun.one, params) for params in lists)
            if lists:
                yield from _steps(account, query.shape, most)


def _call(account: str, noun: str, params: Iterable[tuple[str, str]]) -> UpstreamCall:
    return UpstreamCall(account, noun, tuple(f"{name}={value}" for name, value in params))


def _steps(account: str, shape: Shape, tasks: int) -> Iterator[UpstreamCall]:
    """Yield the calls for the activities of at most so many `tasks`, if they are asked for."""
    if "activities" in shape.include:
        for _ in range(0, tasks, TASKS_PER_CALL):
            yield _call(account, ACTIVITIES.one, steps_of("…"))


def _is_within(question: Question, scope: Scope) -> bool:
    """Say whether all that an answer may show is in `scope`."""
    visible = all(scope.sees(account) for account in question.accounts)
    return visible and scope.tenants in {None, question.within}


def _asks(question: Question, other: Question) -> bool:
    """Say whether both ask the same, whoever sees how much of the answer."""
    return _bare(question) == _bare(other) and {*question.accounts} <= {*other.accounts}


def _bare(question: Question) -> Question:
    if isinstance(question, Tree):
        return Tree(_bare_query(question.query))
    if isinstance(question, OneItem):
        return msgspec.structs.replace(question, accounts=(), within=None)
    return _bare_query(question)


def _bare_query(query: QueryT) -> QueryT:
    return msgspec.structs.replace(as_kept(query), accounts=(), within=None)
