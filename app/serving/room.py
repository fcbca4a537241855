"""Who makes room where no more connections fit."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar


class Guest(Protocol):
    """A connection that may have to leave."""

    def idles(self) -> bool:
        """Say whether it is between two requests."""

    def make_way(self) -> None:
        """End it at once."""


GuestT = TypeVar("GuestT", bound=Guest)


def make_room(waiting: Mapping[GuestT, float], guests: Iterable[GuestT], before: float) -> bool:
    """End the connection whose request is awaited longest, or one that is idle.

    `waiting` says since when each is awaited, the longest first. The idle one leaves unless another
    is awaited since `before`: its request may just be on its way. False when all are being
    answered.
    """
    leaver = next(iter(waiting), None)
    if leaver is None or waiting[leaver] > before:
        # Looked for only here: a list of the idle would cost each request two changes.
        leaver = next((each for each in guests if each.idles()), leaver)
    if leaver is not None:
        leaver.make_way()
    return leaver is not None
