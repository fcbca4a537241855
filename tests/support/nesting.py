"""Trees of activities as answers have them, drawn as nested lists."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Nest: TypeAlias = list[Any]


def nested(items: Iterable[Mapping[str, Any]]) -> Nest:
    """Return `[number, [children]]` for each of `items`, however deep."""
    return [[int(item["id"].partition(".")[2]), nested(item["children"])] for item in items]
