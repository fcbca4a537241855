"""What the accounts would be asked for a question; nobody is asked."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from app.domain.query import Shape, TaskQuery
from app.service.activities import TASKS_PER_CALL, steps_of
from app.service.batch import Batch
from app.service.house import House
from app.service.nouns import ACTIVITIES, TASKS
from app.service.questions import OneItem, Question, Tree
from app.service.reading import with_filters


class UpstreamCall(msgspec.Struct, frozen=True):
    """A list or an item that an account would be asked for, as the platform spells it."""

    account: str
    noun: str
    parameters: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="`…` stands for the tasks that a call before finds; with few of them there "
            "are fewer such calls."
        ),
    ]


def upstream_calls(question: Question, house: House) -> Iterator[UpstreamCall]:
    """Yield the calls that `question` would cost now, were nothing kept and none to fail."""
    if isinstance(question, OneItem):
        return _for_item(question)
    return _for_list(question.query if isinstance(question, Tree) else question, house)


def _for_item(question: OneItem) -> Iterator[UpstreamCall]:
    ref = question.ref
    asked = ("id", ref.number) if ref.number else ("uuid", str(ref.uuid))
    for account in question.accounts:
        yield _call(account, question.noun, [asked])
        yield from _steps(account, question.shape, 1)


def _for_list(query: TaskQuery, house: House) -> Iterator[UpstreamCall]:
    noun = TASKS if type(query) is TaskQuery else ACTIVITIES
    batch = Batch(noun, query.ids, query.accounts)
    plans = house.plans(query, house.anchor(query, house.fanout.now_ns()))
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
