"""What a flight has begun that nobody who leaves it would undo."""

from contextvars import ContextVar
from typing import Final


def commit() -> None:
    """Let the flight that runs this go on to its end, whoever leaves it.

    For the moment before a load does what can't be taken back: the next to ask would else cause
    the same again. What it began in tasks of its own speaks for it.
    """
    promise = PROMISE.get()
    if promise is not None:
        promise.made = True


class Promise:
    """Whether a flight has begun what leaving would not undo.

    Apart from the flight: what a load leaves open, such as a connection, keeps its context alive,
    and would keep the answer with it.
    """

    __slots__ = ("made",)

    def __init__(self) -> None:
        self.made = False


PROMISE: Final[ContextVar[Promise | None]] = ContextVar("promise", default=None)
"""That of the flight which this context belongs to, if to one."""
