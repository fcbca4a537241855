"""Mutilated items: what a platform gone wrong might send."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# Anything that JSON can hold, under keys that mean something and one that does not.
GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5) | st.just("") | st.just("2022-02-21T01:00:00.5Z"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "code", "key", "error", "text", "suberror", "context", "x"]),
        inner,
        max_size=3,
    ),
    max_leaves=5,
)  # fmt: skip


def mutilate(item: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """Return an item with one value, at any depth, gone or changed into anything."""
    if not isinstance(item, dict | list) or not item or draw(st.integers(0, 9)) == 0:
        return draw(GARBAGE)
    keys = list(item) if isinstance(item, dict) else list(range(len(item)))
    key = draw(st.sampled_from(keys))
    if draw(st.integers(0, 3)) == 0:
        del item[key]
    else:
        item[key] = mutilate(item[key], draw)
    return item
