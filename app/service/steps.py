"""The activities of one task: which question they are, once it is known which task is meant."""

import msgspec

from app.domain.query import ActivityQuery, Shape
from app.service.activities import PAGE_SIZE
from app.service.encode import Answer
from app.service.questions import OneItem, Tree


class _Named(msgspec.Struct):
    id: str
    account: str


class Steps(msgspec.Struct, frozen=True):
    """What asks for the activities of whichever task `task` finds, flat or as a `tree`."""

    task: OneItem
    shape: Shape
    tree: bool

    def of(self, found: Answer) -> ActivityQuery | Tree:
        """Return the question for the activities of the task that was `found`."""
        task = msgspec.json.decode(found.body, type=_Named)
        return self._about(task.id, task.account)

    def at_once(self) -> ActivityQuery | Tree | None:
        """Return the same question, or None where the task must be found to know which it is."""
        number = self.task.ref.number
        if len(self.task.accounts) > 1 or not number:
            return None
        account = self.task.accounts[0]
        return self._about(f"{account}.{number}", account)

    def _about(self, task: str, account: str) -> ActivityQuery | Tree:
        query = ActivityQuery(
            accounts=(account,),
            filters=(("task", (task,)),),
            descending=False,
            limit=PAGE_SIZE,
            shape=self.shape,
            within=self.task.within,
        )
        return Tree(query) if self.tree else query
