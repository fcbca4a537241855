"""Query strings of the routes that answer from the cache: how fresh, and what."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import Request
from starlette.datastructures import QueryParams

from app.domain.twins import peel

_REMEMBERED = 512

T = TypeVar("T")


def remembered(
    read: Callable[[list[tuple[str, str]]], T],
) -> Callable[[Request], tuple[Mapping[str, Any], T]]:
    """Return what reads a request: its freshness twins, and what `read` makes of the other pairs.

    Reading costs more than the look-up of a kept answer, so query strings are remembered.
    """

    @lru_cache(maxsize=_REMEMBERED)
    def understand(query_string: bytes) -> tuple[Mapping[str, Any], T]:
        twins, pairs = peel(QueryParams(query_string).multi_items())
        return twins, read(pairs)

    return lambda request: understand(request.scope["query_string"])
