"""Trees of activities: each is there once, whatever the parents say."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.activity import Activity
from app.domain.tree import DEPTH_MAX, grow
from app.platform.activities import read_activity
from tests.support.nesting import Nest, nested


def step(number: int, parent: int | None = None) -> Activity:
    """Return an activity that stands below another, or says that it has none above it."""
    return read_activity(
        msgspec.json.encode({"id": number, "parentActivityId": parent}), "eu2"
    ).item


def steps(*pairs: tuple[int, int | None]) -> list[Activity]:
    """Return activities by their number and that of their parent."""
    return [step(number, parent) for number, parent in pairs]


def drawn(roots: Iterable[Activity]) -> Nest:
    """Return the tree as nested lists of numbers."""
    return nested(msgspec.json.decode(msgspec.json.encode(list(roots))))


def numbers(nest: Nest) -> Iterator[int]:
    """Return every number in a tree, however deep."""
    for number, below in nest:
        yield number
        yield from numbers(below)


@pytest.mark.parametrize(
    ("pairs", "tree"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(1, None), (2, 1), (3, 1), (4, 2)], [[1, [[2, [[4, []]]], [3, []]]]], id="t"),
        pytest.param([(4, 2), (3, 1), (2, 1), (1, None)], [[1, [[3, []], [2, [[4, []]]]]]], id="r"),
        pytest.param([(1, None), (2, None)], [[1, []], [2, []]], id="two roots"),
        pytest.param([(2, 99), (1, None)], [[2, []], [1, []]], id="orphan"),
        pytest.param([(1, 1), (2, 1)], [[1, [[2, []]]]], id="its own parent"),
        pytest.param([(2, 3), (3, 2), (1, None)], [[1, []], [2, [[3, []]]]], id="cycle"),
        pytest.param([(5, 2), (2, 3), (3, 2)], [[2, [[5, []], [3, []]]]], id="below a cycle"),
        pytest.param([(1, None), (1, None), (2, 1)], [[1, [[2, []]]], [1, []]], id="twins"),
    ],
)
def test_grow(pairs: list[tuple[int, int | None]], tree: Nest) -> None:
    """Siblings keep their order; orphans, and the first that came of a cycle, are roots."""
    assert drawn(grow(steps(*pairs))) == tree


def test_depth() -> None:
    """What lies deeper than the bound stands side by side on its last level."""
    chain = [(1, None), *((below, above) for above, below in pairwise(range(1, DEPTH_MAX + 51)))]
    nest, depth = drawn(grow(steps(*chain))), 0
    while len(nest) == 1:
        nest, depth = nest[0][1], depth + 1

    assert depth == DEPTH_MAX - 1
    assert [number for number, _ in nest] == list(range(DEPTH_MAX, DEPTH_MAX + 51))


def test_long() -> None:
    """A line of steps as long as a page is no burden on the stack, in either order."""
    chain = steps(*((number, number - 1) for number in range(1, 1_001)))

    for line in (chain, chain[::-1]):
        assert sorted(numbers(drawn(grow(line)))) == list(range(1, 1_001))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.none() | st.integers(1, 9)), max_size=10))
def test_nothing_lost(pairs: list[tuple[int, int | None]]) -> None:
    """Each activity is in the tree exactly once, whoever its parents are."""
    found = numbers(drawn(grow(steps(*pairs))))

    assert sorted(found) == sorted(number for number, _ in pairs)
