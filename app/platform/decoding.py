"""Bytes of the platform → its pages, objects and refusals, within bounds (P§8, 9, 12)."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.errors import UpstreamInvalidResponseError
from app.platform.salvage import UNREADABLE, salvage
from app.platform.wire import Refusal, WireActivity, WireTask

# The most that a request may ask for (TASKGATE_UPSTREAM__PAGE_SIZE_MAX).
ITEMS_MAX: Final = 10_000

_T = TypeVar("_T")

_PAIRED = rb"u[dD][89abAB]..\\u[dD][c-fC-F].."
_LONE = rb"u[dD][89a-fA-F].."
_ESCAPE = re.compile(rb"\\(?:" + _PAIRED + rb"|(" + _LONE + rb")|.)", re.DOTALL)
_WORDS_MAX = 300
# Every value that is read may cost eighty bytes and more. The largest contexts have thousands.
_VALUES_MAX = 100_000
_REFUSAL_MAX = 262_144

_read_raw = msgspec.json.Decoder(Raw).decode
_read_task = msgspec.json.Decoder(WireTask).decode
_read_activity = msgspec.json.Decoder(WireActivity).decode
_read_any = msgspec.json.Decoder().decode


class _Cursors(msgspec.Struct):
    after: str | None = None


class _Paging(msgspec.Struct):
    cursors: _Cursors | None = None


class _Envelope(msgspec.Struct):
    items: Any
    paging: _Paging | None = None
    cursors: _Cursors | None = None
    error: Raw = Raw(b"null")


def read_items(
    body: bytes, account: str, *, items_max: int = ITEMS_MAX
) -> tuple[list[Raw], str | None]:
    """Return the slices of a page's items, unread, and the cursor of the next page.

    The slices are JSON by their grammar; texts that nobody read may still not be UTF-8.

    `paging.cursors` goes before `cursors` (P§9). A missing key, no `after` and an empty one all
    mean that the page is the last (P§8).

    Raises:
        UpstreamInvalidResponseError: the body is no envelope, or holds more than `items_max`. A
            cursor of an odd shape counts as that too: a walk must not end early because of it. So
            does an `error` beside the items, which no healthy page has (P§9): what failed must not
            pass for "there is nothing". As everywhere `null` is absent (P§10).
    """
    envelope = _read_body(body, _envelope_reader(items_max + 1), account)
    if bytes(envelope.error) != b"null":
        raise UpstreamInvalidResponseError(
            "The platform sent an error beside its items.", account=account
        )
    places = msgspec.structs.astuple(envelope.items)
    if places[items_max] is not UNSET:
        raise UpstreamInvalidResponseError(
            "The platform sent more items than were asked for.", account=account
        )
    cursors = (envelope.paging and envelope.paging.cursors) or envelope.cursors
    return list(places[: places.index(UNSET)]), (cursors and cursors.after) or None


@cache
def _envelope_reader(items_max: int) -> Callable[[bytes], _Envelope]:
    """Return what reads an envelope, and of its items no more than these; it skips the others.

    A list would be built whole before its length were looked at: 64 MiB hold twenty million empty
    objects, and those 1.6 GB. An array whose places are declared has no more than these.
    """
    places = [(f"_{place}", Raw | UnsetType, UNSET) for place in range(items_max)]
    items = msgspec.defstruct("_Items", places, array_like=True, gc=False)
    envelope = msgspec.defstruct("_Envelope", [("items", items)], bases=(_Envelope,))
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(envelope)
    return decoder.decode


def read_object(body: bytes, account: str) -> Raw:
    """Return the one value that is the whole body, unread.

    Raises:
        UpstreamInvalidResponseError: the body is not JSON.
    """
    return _read_body(body, _read_raw, account)


def read_task(item: Raw) -> tuple[WireTask | None, tuple[str, ...]]:
    """Read one item and say which of its values had an odd shape and were left out.

    Returns None for an item that is not an object, or holds more values than any task.
    """
    if _is_crowd(item):
        return None, ()
    try:
        return _read_task(item), ()
    except UNREADABLE:
        return salvage(item, WireTask)


def read_activity(item: Raw) -> tuple[WireActivity | None, tuple[str, ...]]:
    """Read one activity as `read_task` reads a task."""
    if _is_crowd(item):
        return None, ()
    try:
        return _read_activity(item), ()
    except UNREADABLE:
        return salvage(item, WireActivity)


def _is_crowd(item: Raw) -> bool:
    # A value and its comma are two bytes at least, so nearly no item is counted.
    return len(memoryview(item)) > 2 * _VALUES_MAX and bytes(item).count(b",") > _VALUES_MAX


def read_refusal(body: bytes, status: int) -> Refusal:
    """Read an error body in any of the shapes of P§12.2, or none: HTML says nothing but its status.

    Code and domain are cut to a length that a label can have. More than `_REFUSAL_MAX` bytes are no
    refusal of the platform's.
    """
    if len(body) > _REFUSAL_MAX:
        return Refusal(status)
    try:
        answer = _read_any(body)
    except UNREADABLE:
        return Refusal(status)
    if not isinstance(answer, dict):
        return Refusal(status)
    inner = answer.get("error", answer)
    if not isinstance(inner, dict):
        # OAuth: `error` is the code itself (P§2.5).
        inner = {"code": inner, "message": answer.get("error_description")}
    debug = inner.get("debug")
    said = (
        inner.get("message"),
        debug.get("msg") if isinstance(debug, dict) else None,
        inner.get("reason"),
    )
    return Refusal(
        status,
        code=_words(inner.get("code")),
        domain=_words(inner.get("domain")),
        message=next((words for words in map(_words, said) if words), None),
    )


def _read_body(body: bytes, read: Callable[[bytes], _T], account: str) -> _T:
    try:
        try:
            return read(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Half of a surrogate pair is the one escape that JSON's grammar lets pass and no text
            # can hold. One cut emoji must not cost a page.
            return read(_ESCAPE.sub(_whole, body))
    except UNREADABLE as exc:
        raise UpstreamInvalidResponseError(
            "The platform's answer is not the JSON it should be.", account=account
        ) from exc


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def _words(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:_WORDS_MAX] or None
