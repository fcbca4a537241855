"""Tasks: what every noun has, and the activities of one task."""

from dataclasses import replace

import msgspec

from app.domain.query import ActivityQuery, Shape
from app.domain.tree import grow
from app.service.activities import PAGE_SIZE
from app.service.encode import USUAL, Delivery, Wanted
from app.service.house import House
from app.service.items import ItemService
from app.service.nouns import ACTIVITIES, TASKS
from app.service.questions import OneItem, Tree
from app.service.scope import Caller


class _Named(msgspec.Struct):
    id: str
    account: str


def _steps_of(id: str, account: str, shape: Shape, caller: Caller) -> ActivityQuery:  # noqa: A002  # the field's word
    return ActivityQuery(
        accounts=(account,),
        filters=(("task", (id,)),),
        descending=False,
        limit=PAGE_SIZE,
        shape=shape,
        within=caller.scope.tenants,
    )


class TaskService(ItemService):
    """Answers questions about tasks."""

    def __init__(self, house: House) -> None:
        super().__init__(TASKS, house)
        self._steps = ItemService(ACTIVITIES, house)

    async def activities(
        self, text: str, shape: Shape, caller: Caller, wanted: Wanted = USUAL, *, tree: bool
    ) -> Delivery:
        """Return the activities of the task with the id `text`, oldest first, flat or as a tree.

        A page holds a thousand; the walk of the rare task with more goes on flat. The time of one
        answer covers both questions.

        Raises:
            RequestError: as `get`.
        """
        until = self._house.fanout.deadline(wanted.wait_s)
        found = await self.get(text, Shape(), caller, wanted)
        if found.kept.error is not None:
            return found
        task = msgspec.json.decode(found.unwrap().body, type=_Named)
        query = _steps_of(task.id, task.account, shape, caller)
        if found.forward is not None:
            wanted = replace(wanted, wait_s=max(0.0, until - self._house.monotonic()))
        if tree:
            steps = await self._steps.ask(query, caller, wanted, key=Tree(query), arrange=grow)
        else:
            steps = await self._steps.ask(query, caller, wanted)
        return replace(steps, after=found)

    def point_at_activities(
        self, text: str, shape: Shape, caller: Caller, *, tree: bool
    ) -> ActivityQuery | Tree | OneItem:
        """Return the question for the activities of a task, or the one that comes before it.

        By a bare id or a UUID it is only known which task is meant when that was read.

        Raises:
            RequestError: as `point`.
        """
        task = self.point(text, Shape(), caller)
        if len(task.accounts) > 1 or not task.ref.number:
            return task
        account = task.accounts[0]
        query = _steps_of(f"{account}.{task.ref.number}", account, shape, caller)
        return Tree(query) if tree else query
