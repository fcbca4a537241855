"""For whom work is done: turns at an account's gate are shared fairly between consumers."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Final


class Party:
    """The consumers whom one flight serves, by name: who began it, and all who joined.

    Each has a weight: how many turns he gets for one of a weight of 1.
    """

    def __init__(self, first: str, weight: float = 1.0) -> None:
        self.first = first
        self.weight = weight
        self._others: dict[str, float] = {}
        self._watchers: list[Callable[[str, float], None]] = []

    def join(self, name: str, weight: float = 1.0) -> None:
        """Serve `name` too."""
        if name != self.first and name not in self._others:
            self._others[name] = weight
            for tell in tuple(self._watchers):
                tell(name, weight)

    def watch(self, joined: Callable[[str, float], None]) -> Callable[[], None]:
        """Tell `joined` of all who joined and will join, until what is returned is called."""
        for name, weight in self._others.items():
            joined(name, weight)
        self._watchers.append(joined)
        return partial(self._watchers.remove, joined)


ASKING: Final[ContextVar[Party | None]] = ContextVar("asking", default=None)
"""Whom this context works for. Whoever tells callers apart sets it for the request's context; the
flight that a request begins, and all that it asks, inherits it."""
