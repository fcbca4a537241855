"""What is read off the platform's pages: an item in our form, and what a walk needs beside it."""

from typing import Generic, Literal, TypeAlias

import msgspec
from typing_extensions import TypeVar

from app.domain.activity import Activity
from app.domain.task import Task
from app.domain.times import Instant, nanoseconds_of

InstantField = Literal["created_at", "started_at", "completed_at", "updated_at"]
Item: TypeAlias = Task | Activity
# A time as it was read, or the text where that is none.
Sent: TypeAlias = Instant | str | None
# Without a parameter a reading is one of a task.
ItemT_co = TypeVar("ItemT_co", bound=Item, covariant=True, default=Task)


class _Result(msgspec.Struct, gc=False):
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Sent(msgspec.Struct, gc=False):
    result: _Result | None = None


class Reading(msgspec.Struct, Generic[ItemT_co], frozen=True, kw_only=True, gc=False):
    """One item off a page of the platform: the task or activity, and what a walk needs beside it.

    `number` is the platform's id, None when the item could not be read. `times` are what it sent as
    `created_at`, `started_at`, `completed_at` and `updated_at`. `raw` is the item as it was sent, a
    view of the page's bytes: copy it to keep it longer than the page. `dropped` counts the values
    that had an odd shape and were left out.
    """

    item: ItemT_co
    number: int | None
    times: tuple[Sent, Sent, Sent, Sent]
    raw: msgspec.Raw
    dropped: int = 0

    def at_ns(self, field: InstantField) -> int | None:
        """Return a time of the item in nanoseconds since the epoch, where its text is cut."""
        sent = self.times[_POSITIONS[field]]
        return nanoseconds_of(sent) if isinstance(sent, tuple) else None

    def is_never(self, field: InstantField) -> bool:
        """Say whether a time of the item is in the year 1: how Go programs print "never"."""
        sent = self.times[_POSITIONS[field]]
        return isinstance(sent, str) and sent.startswith("0001-")

    def item_with(self, *, raw: bool, payload: bool) -> ItemT_co:
        """Return the item with the keys `raw` and `result_payload` as far as they are asked for.

        Answers hold the platform's bytes untouched, numbers beyond 64 bits included; a payload
        that is not there is null. Only what is not UTF-8, and so no JSON, is replaced by U+FFFD.
        """
        filled = self.item
        if raw:
            filled = msgspec.structs.replace(filled, raw=_text(self.raw))
        if payload:
            filled = msgspec.structs.replace(filled, result_payload=_text(_payload(self.raw)))
        return filled


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

_NO_RESULT = _Result()
_read_sent = msgspec.json.Decoder(_Sent).decode


def _payload(item: msgspec.Raw) -> msgspec.Raw:
    """Return the slice of `result.payload` (P§10.5); null in items that can't hold one."""
    try:
        return (_read_sent(item).result or _NO_RESULT).payload
    except (msgspec.DecodeError, RecursionError):
        return _NO_RESULT.payload


def _text(sent: msgspec.Raw) -> msgspec.Raw:
    # Readers of pages look only at the texts they need; these go out as they are.
    sent_bytes = bytes(sent)
    try:
        sent_bytes.decode()
    except UnicodeDecodeError:
        return msgspec.Raw(sent_bytes.decode(errors="replace").encode())
    return sent
