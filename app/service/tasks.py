"""Tasks: what every noun has, and the activities of one task."""

from dataclasses import replace

from app.domain.query import ActivityQuery, Shape
from app.domain.tree import grow
from app.service.encode import USUAL, Delivery, Wanted
from app.service.house import House
from app.service.items import ItemService
from app.service.nouns import ACTIVITIES, TASKS
from app.service.questions import Tree
from app.service.scope import Caller
from app.service.steps import Steps


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
        steps = Steps(self.point(text, Shape(), caller), shape, tree)
        found = await self.find(steps.task, caller, wanted)
        if found.kept.error is not None:
            return found
        question = steps.of(found.unwrap())
        if found.forward is not None:
            wanted = replace(wanted, wait_s=max(0.0, until - self._house.monotonic()))
        if isinstance(question, Tree):
            told = await self._steps.ask(question.query, caller, wanted, key=question, arrange=grow)
        else:
            told = await self._steps.ask(question, caller, wanted)
        return replace(told, after=found)

    def point_at_activities(
        self, text: str, shape: Shape, caller: Caller, *, tree: bool
    ) -> ActivityQuery | Tree | Steps:
        """Return the question for the activities of a task, or how it follows from another.

        By a bare id or a UUID it is only known which task is meant when that was read.

        Raises:
            RequestError: as `point`.
        """
        steps = Steps(self.point(text, Shape(), caller), shape, tree)
        return steps.at_once() or steps
