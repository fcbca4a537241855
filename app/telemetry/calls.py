"""How many upstream calls one request caused, for its log line."""

from contextvars import ContextVar


class Calls:
    """A count that the tasks a request starts share with it."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


_calls: ContextVar[Calls | None] = ContextVar("upstream_calls", default=None)


def begin() -> Calls:
    """Count from now on in this context and in every task it starts."""
    calls = Calls()
    _calls.set(calls)
    return calls


def note() -> None:
    """Count one call; outside any request it is nobody's."""
    calls = _calls.get()
    if calls is not None:
        calls.number += 1
