"""Query strings of the routes that answer from the cache: how fresh, and what."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request

from app.domain.faults import Faults
from app.domain.twins import peel
from app.errors import InvalidValueError, RequestError

_REMEMBERED = 512

T = TypeVar("T")


def remembered(
    read: Callable[[list[tuple[str, str]]], T],
) -> Callable[[Request], tuple[Mapping[str, Any], T]]:
    """Return what reads a request: its freshness twins, and what `read` makes of the other pairs.

    Mistakes in either are told in one answer. Reading costs more than the look-up of a kept
    answer, so query strings are remembered.
    """

    @lru_cache(maxsize=_REMEMBERED)
    def understand(query_string: bytes) -> tuple[Mapping[str, Any], T]:
        faults = Faults()
        twins, pairs = peel(_decoded(query_string, faults), faults)
        try:
            question = read(pairs)
        except RequestError as error:
            raise faults.joined(error) from None
        faults.settle()
        return twins, question

    return lambda request: understand(request.scope["query_string"])


def _decoded(query_string: bytes, faults: Faults) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a query string, but for those whose bytes are no text."""
    text = query_string.decode("latin-1")
    for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
        try:
            (name + value).encode()
        except UnicodeEncodeError:
            told = name.encode(errors="replace").decode()
            faults.add(InvalidValueError, told, "is not UTF-8", allowed="UTF-8, percent-encoded")
        else:
            yield name, value
