"""Request heads as they are told apart before they are parsed: by all but what each is called."""

from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from app.api.credentials import CARRIERS
from app.api.names import BLANKS
from app.api.replies import Headers, Reply
from app.api.spare import spare
from app.service.scope import Consumer

HEADS_MAX: Final = 1024
"""Heads remembered, each of at most `HEAD_BYTES_MAX`."""

HEAD_BYTES_MAX: Final = 2048
_FIELDS_MAX: Final = 98  # two below the bound: one that repeats may add its id and its trace
_END: Final = b"\r\n\r\n"
_ID, _TRACE = b"\r\nx-request-id:", b"\r\ntraceparent:"


class _Credentials(list[tuple[bytes, bytes]]):
    """Fields that say who asks: equal ones are one object, and gone with the last head."""


@dataclass(slots=True, eq=False)
class Head:
    """A request head that was answered; `repeats` says that the same bytes mean the same again.

    `used` says that they came again.
    """

    reply: Reply
    credentials: Headers
    consumer: Consumer
    keep_alive: bool
    repeats: bool
    used: bool = False


class Heads(dict[bytes, Head]):
    """Those that were answered before, by all their bytes but the lines of their names."""

    __slots__ = ("_credentials",)

    def __init__(self) -> None:
        super().__init__()
        self._credentials = WeakValueDictionary[Headers, _Credentials]()

    def remember(self, data: bytes, head: Head, now: float) -> None:
        """Remember a head by its bytes, unless it has too many fields; an old one makes room.

        One that never came again, if possible, or whose answer has ended at `now`.
        """
        if len(head.credentials) > _FIELDS_MAX:
            return
        if len(self) >= HEADS_MAX:
            del self[spare(self, lambda each: each.used and now < each.reply.fresh_until)]
        sent = tuple(field for field in head.credentials if field[0] in CARRIERS)
        shared = self._credentials.get(sent)
        if shared is None:
            shared = self._credentials[sent] = _Credentials(sent)
        head.credentials = shared
        self[cut(data)[0]] = head


def is_whole(data: bytes) -> bool:
    """Say whether `data` can be one head, from its begin to its end and no more.

    A parser forgives empty lines before a head; a field that was cut out there would be forgiven
    with them.
    """
    if data.startswith((b"\r", b"\n")):
        return False
    return len(data) <= HEAD_BYTES_MAX and data.find(_END) == len(data) - len(_END)


def cut(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return `data` without the lines of its id and its trace, and their values.

    They are empty where there are none. Of a repeated one only the first is cut out. When what is
    left `is_whole`, so was `data`: it ends with an empty line, and what is cut out before that one
    are lines of the head.
    """
    if not data.endswith(_END):
        return data, b"", b""
    low = data.lower()
    at_id, at_trace = low.find(_ID), low.find(_TRACE)
    sent_id = sent_trace = b""
    # The latter first: the former stays where it is.
    if at_trace > at_id:
        data, sent_trace = _without(data, at_trace, _TRACE)
    if at_id >= 0:
        data, sent_id = _without(data, at_id, _ID)
    if 0 <= at_trace < at_id:
        data, sent_trace = _without(data, at_trace, _TRACE)
    return data, sent_id, sent_trace


def _without(data: bytes, at: int, begin: bytes) -> tuple[bytes, bytes]:
    """Return `data` without the line at `at`, which has this begin, and the value of that line."""
    end = data.index(b"\r\n", at + 2)
    return data[:at] + data[end:], data[at + len(begin) : end].strip(BLANKS)
