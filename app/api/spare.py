"""Which of what is remembered makes room for something new."""

from collections.abc import Callable
from typing import Final, TypeVar

_LOOKS_MAX: Final = 64  # some 10 us, where all that is old is worth keeping

T = TypeVar("T")


def spare(remembered: dict[bytes, T], is_proven: Callable[[T], bool]) -> bytes:
    """Return the key of the oldest that has not proven itself, lest a flood push out what is hot.

    Proven ones that are older go behind all others. After so many of them the next makes room.
    """
    for _ in range(_LOOKS_MAX):
        key, oldest = next(iter(remembered.items()))
        if not is_proven(oldest):
            return key
        remembered[key] = remembered.pop(key)
    return next(iter(remembered))
