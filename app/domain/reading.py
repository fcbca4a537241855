"""What is read off the platform's pages: an item in our form, and what a walk needs beside it."""

from typing import Generic, Literal, TypeAlias

import msgspec
from typing_extensions import TypeVar

from app.domain.activity import Activity
from app.domain.task import Task
from app.domain.times import nanoseconds

InstantField = Literal["created_at", "started_at", "completed_at", "updated_at"]
Item: TypeAlias = Task | Activity
# Without a parameter a reading is one of a task.
ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True, default=Task)


class Reading(msgspec.Struct, Generic[ItemT_co], frozen=True, kw_only=True, gc=False):
    """One item off a page of the platform: the task or activity, and what a walk needs beside it.

    `number` is the platform's id, None when the item could not be read. `sent_times` holds the
    platform's own texts of `created_at`, `started_at`, `completed_at` and `updated_at`. `raw` is
    the item as it was sent, a view of the page's bytes: copy it to keep it longer than the page.
    `dropped` counts the values that had an odd shape and were left out.
    """

    item: ItemT_co
    number: int | None
    sent_times: tuple[str | None, str | None, str | None, str | None]
    raw: msgspec.Raw
    dropped: int = 0

    def at_ns(self, field: InstantField) -> int | None:
        """Return a time of the item in nanoseconds since the epoch, where its text is cut."""
        sent = self.sent_times[_POSITIONS[field]]
        return nanoseconds(sent) if sent else None


class Page(msgspec.Struct, Generic[ItemT_co], frozen=True, kw_only=True, gc=False):
    """Readings in the platform's order; `last` says that no page follows."""

    readings: tuple[Reading[ItemT_co], ...]
    last: bool


_POSITIONS: dict[InstantField, int] = {
    "created_at": 0,
    "started_at": 1,
    "completed_at": 2,
    "updated_at": 3,
}
