"""Tasks: what every noun has, and the activities of one task."""

import msgspec

from app.domain.query import ActivityQuery, Shape
from app.domain.tree import grow
from app.service.activities import PAGE_SIZE
from app.service.encode import USUAL, Delivery, Wanted
from app.service.items import House, ItemService
from app.service.nouns import ACTIVITIES, TASKS
from app.service.scope import Caller


class Tree(msgspec.Struct, frozen=True):
    """The question for the activities of a task as a tree, as a cache key."""

    query: ActivityQuery


class _Named(msgspec.Struct):
    id: str
    account: str


class TaskService(ItemService):
    """Answers questions about tasks."""

    def __init__(self, house: House) -> None:
        super().__init__(TASKS, house)
        self._steps = ItemService(ACTIVITIES, house)

    async def activities(
        self, text: str, shape: Shape, caller: Caller, wanted: Wanted = USUAL, *, tree: bool
    ) -> Delivery:
        """Return the activities of the task with the id `text`, oldest first, flat or as a tree.

        A page holds a thousand; the walk of the rare task with more goes on flat.

        Raises:
            RequestError: as `get`.
        """
        found = await self.get(text, Shape(), caller, wanted)
        if found.kept.error is not None:
            return found
        task = msgspec.json.decode(found.unwrap().body, type=_Named)
        query = ActivityQuery(
            accounts=(task.account,),
            filters=(("task", (task.id,)),),
            descending=False,
            limit=PAGE_SIZE,
            shape=shape,
            within=caller.scope.tenants,
        )
        if not tree:
            return await self._steps.ask(query, caller, wanted)
        return await self._steps.ask(query, caller, wanted, key=Tree(query), arrange=grow)
