"""For whom work is done: turns at an account's gate are shared fairly between consumers."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Final


class Party:
    """The consumers whom one flight serves, by name: who began it, and all who joined."""

    def __init__(self, first: str) -> None:
        self.first = first
        self._others: list[str] = []
        self._watchers: list[Callable[[str], None]] = []

    def join(self, name: str) -> None:
        """Serve `name` too."""
        if name != self.first and name not in self._others:
            self._others.append(name)
            for tell in tuple(self._watchers):
                tell(name)

    def watch(self, joined: Callable[[str], None]) -> Callable[[], None]:
        """Tell `joined` of all who joined and will join, until what is returned is called."""
        for name in self._others:
            joined(name)
        self._watchers.append(joined)
        return partial(self._watchers.remove, joined)


ASKING: Final[ContextVar[Party | None]] = ContextVar("asking", default=None)
"""Whom this context works for. Whoever tells callers apart sets it for the request's context; the
flight that a request begins, and all that it asks, inherits it."""
