"""Rules of whom work is done for."""

from contextvars import copy_context

from app.service.asking import ASKING, Party
from app.service.scope import ANYBODY, EVERYTHING, Caller, Consumer


def test_all_are_told() -> None:
    """Whoever watches hears of all who joined, once, with their weights, until he stops."""
    party, heard = Party("a", 2.0), []
    party.join("b", 3.0)
    stop = party.watch(lambda name, weight: heard.append((name, weight)))
    for name in ("a", "b", "c"):
        party.join(name)
    stop()
    party.join("d")

    assert heard == [("b", 3.0), ("c", 1.0)]


def test_weight() -> None:
    """A consumer's turns weigh as much as it may ask."""
    half = Consumer(name="half", scope=EVERYTHING, rate=25.0, admin=False)
    context = copy_context()
    context.run(Caller(half, lambda _: None).admit)
    party = context[ASKING]

    assert party is not None
    assert (party.first, party.weight, ANYBODY.weight) == ("half", 25.0, 1.0)
