"""Rules of turns between consumers."""

import pytest

from app.platform.fair import FairQueue, Share


def drained(queue: FairQueue[str]) -> str:
    """Return the items in the order of their turns."""
    return "".join(queue.pop() for _ in range(len(queue)))


def queue_of(items: str, weights: dict[str, float] | None = None) -> FairQueue[str]:
    """Return a queue where each letter came for the consumer of its name."""
    queue: FairQueue[str] = FairQueue()
    for item in items:
        queue.put(Share(item, (weights or {}).get(item, 1)), item)
    return queue


@pytest.mark.parametrize(
    ("items", "order"),
    [("aaab", "abaa"), ("aaabbbc", "abcabab"), ("aaa", "aaa"), ("", "")],
)
def test_round_robin(items: str, order: str) -> None:
    """Lines take turns, however long they are."""
    assert drained(queue_of(items)) == order


def test_weights() -> None:
    """A weight of two gets two turns for one."""
    assert drained(queue_of("aaaabb", {"a": 2})) == "abaaba"


def test_idle_time_is_not_saved() -> None:
    """One who was silent comes next, but not several times before the others."""
    queue = queue_of("aaaaaa")
    for _ in range(3):
        queue.pop()
    for _ in range(3):
        queue.put(Share("b"), "b")

    assert drained(queue) == "bababa"


def test_one_at_a_time() -> None:
    """One who always comes back at once gets every other turn, not every turn."""
    queue = queue_of("aaaaaab")
    order = ""
    for _ in range(6):
        order += (item := queue.pop())
        if item == "b":
            queue.put(Share("b"), "b")

    assert order == "ababab"


def test_early() -> None:
    """Who had less than his part of the turns is early, until he takes one before the others."""
    queue = queue_of("aaaa")
    early = [queue.is_early(Share(name)) for name in "ab"]
    queue.went(Share("b"))
    early.append(queue.is_early(Share("b")))
    queue.pop()
    queue.pop()
    early.append(queue.is_early(Share("b")))

    assert early == [False, True, False, True]


def test_early_place() -> None:
    """An item is early whose line was empty when it came."""
    queue = queue_of("aa")
    early = []
    while queue:
        early.append(queue.first().early)
        queue.pop()

    assert early == [True, False]


def test_discard() -> None:
    """One who leaves is forgotten; leaving twice is fine."""
    queue = queue_of("b")
    place = queue.put(Share("a"), "a")
    queue.discard(place)
    queue.discard(place)

    assert (len(queue), drained(queue)) == (1, "b")


def test_in_two_lines() -> None:
    """What serves a second consumer goes by the first of both lines, once, and leaves both."""
    queue = queue_of("aaa")
    place = queue.put(Share("a"), "x")
    queue.join(place, Share("b"))
    size = len(queue)
    order = drained(queue)
    queue.join(place, Share("c"))

    assert (size, order, len(queue)) == (4, "axaa", 0)


@pytest.mark.parametrize(("both", "leaves"), [("y", "x"), ("xy", "y")], ids=["newest", "all"])
def test_room_beside_shared(both: str, leaves: str) -> None:
    """What several wait for makes room last."""
    queue: FairQueue[str] = FairQueue()
    for item in "xy":
        place = queue.put(Share("a"), item)
        if item in both:
            queue.join(place, Share("b" + item))

    assert (queue.make_room(Share("c")), len(queue)) == (leaves, 1)


@pytest.mark.parametrize(
    ("newcomer", "leaves"),
    [
        pytest.param(Share("b"), "a", id="of a shorter line"),
        pytest.param(Share("c"), "a", id="of no line"),
        pytest.param(Share("a"), None, id="of the longest"),
        pytest.param(Share("b", 0.2), None, id="of one long for its weight"),
    ],
)
def test_room(newcomer: Share, leaves: str | None) -> None:
    """A full queue makes room for a short line at the cost of the longest, its newest first."""
    assert queue_of("aaab").make_room(newcomer) == leaves
