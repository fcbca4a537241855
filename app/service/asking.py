"""For whom work is done: turns at an account's gate are shared fairly between consumers."""

from contextvars import ContextVar
from typing import Final

ASKING: Final = ContextVar("asking", default="anonymous")
"""The consumer's name. Whoever tells callers apart sets it for the request's context; the flight
that a request begins, and all that it asks, inherits it."""
