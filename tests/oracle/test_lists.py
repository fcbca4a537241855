"""The full walk of any question is what a slow look at everything says."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.oracle.bodies import Bodies
from tests.oracle.questions import Question, lasting_questions, query_string, questions
from tests.oracle.truth import Item, Noun, Truth, instant, truth
from tests.oracle.worlds import Walked, World, world

# They need nothing of the machine but its time.
pytestmark = pytest.mark.machine

# So small that an answer often ends before its page is full, in each account at another place.
SMALL = {"upstream": {"page_size_max": 30, "scan_pages_max": 2}}
WORLDS: dict[str, dict[str, Any]] = {
    "one": {"seeds": {"eu2": 1}},
    "one in small pages": {"seeds": {"eu2": 2}, **SMALL},
    "three seeds": {"seeds": {"au1": 1, "eu2": 2, "us5": 3}, **SMALL},
    "three alike": {"seeds": {"au1": 4, "eu2": 4, "us5": 4}, **SMALL},
}
# Counter-examples of old. Whether case counts in a lone part of a text is the platform's choice,
# brackets in it or not.
FOUND: dict[str, Question] = {
    "part with a bracket in another case": {"policy_name": ["~NIGHTLY ("]},
    "part with a backslash in another case": {"started_by": ["~n-r1or1v-11\\"]},
}
each_noun = pytest.mark.parametrize("noun", ["tasks", "activities"])


@pytest.fixture(scope="module", params=WORLDS)
def served(request: pytest.FixtureRequest) -> Iterator[World]:
    """A gateway over one account, or over three."""
    with world(**WORLDS[request.param]) as made:
        yield made


# Three accounts cost four times as much as one, and time that passes twenty-five times.
OF_THREE, AS_TIME_PASSES = 8, 40


def search(config: pytest.Config, part: int = 1) -> settings:
    """Return how long to look: `--examples` says how many questions, of which this is a part."""
    return settings(
        max_examples=max(1, config.getoption("--examples") // part),
        deadline=None,
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=list(HealthCheck),
    )


@each_noun
def test_any_question(served: World, noun: Noun, pytestconfig: pytest.Config) -> None:
    """At a standing clock, a walk gives what matches, all of it, in order, once."""
    items, bodies = served.items(noun), Bodies(served)

    @search(pytestconfig, 1 if len(served.accounts) == 1 else OF_THREE)
    @given(questions(noun, items, served.accounts))
    def holds(asked: Question) -> None:
        walked = compare(served, items, asked)
        for shown, raws in zip(walked.items, walked.raws, strict=True):
            bodies.check(noun, asked, shown, raws)
        unknown = [item for item in walked.items if item.get("activities", []) is None]
        assert bool(unknown) == any(note.startswith("Not all activities") for note in walked.notes)

    holds()


@each_noun
@pytest.mark.parametrize("asked", FOUND.values(), ids=FOUND.keys())
def test_found(served: World, noun: Noun, asked: Question) -> None:
    """What once was answered otherwise than told."""
    compare(served, served.items(noun), asked)


AGING = {"ttl_unfinished_s": 1, "stale_while_revalidate_s": 0}


@each_noun
@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
def test_while_time_passes(noun: Noun, sort: str, pytestconfig: pytest.Config) -> None:
    """A walk on `created_at` gives what there was at its start once, and only newer besides.

    What changes of an item while it runs is not asked for here: it may change on the way.
    """
    with world(**WORLDS["three seeds"], cache=AGING) as served:
        items = served.items(noun)

        @search(pytestconfig, AS_TIME_PASSES)
        @given(lasting_questions(noun, items, served.accounts), st.sampled_from((0.1, 1.0)))
        def holds(asked: Question, step_s: float) -> None:
            served.time.now += 2.0  # what was kept for an equal question is older than this one
            begun_ns, begun = served.now_ns, served.items(noun)
            told = truth({**asked, "sort": [sort]}, begun, served.accounts, begun_ns)
            query = query_string({**asked, "sort": [sort], "limit": [str(limit(told, 12))]})
            walked = served.walk(noun, query, step_s=step_s)

            old = {item.id for item in begun}
            assert walked.code == told.code, query
            assert len(walked.ids) == len(set(walked.ids))
            agree(told, [each for each in walked.ids if each in old])
            newer = [item["created_at"] for item in walked.items if item["id"] not in old]
            assert all(instant(at) // 10**6 >= begun_ns // 10**6 for at in newer)

        holds()


def compare(served: World, items: Sequence[Item], asked: Question) -> Walked:
    """Ask, look, say where the two differ, and return what was answered."""
    noun = items[0].noun
    told = truth(asked, items, served.accounts, served.now_ns)
    most = max(int(asked.get("limit", ["100"])[0]), limit(told, 10))
    query = query_string({**asked, "limit": [str(most)]})
    walked = served.walk(noun, query)

    assert walked.code == told.code, query
    agree(told, walked.ids)
    assert max(walked.sizes, default=0) <= most
    assert all(missing == told.missing for missing in walked.missing)
    return walked


def limit(told: Truth, pages: int) -> int:
    """Return a size of pages by which a walk has about so many."""
    return max(1, len(told.may) // pages)


def agree(told: Truth, ids: Sequence[str]) -> None:
    """Check that all is there that must be, nothing that must not, in order, once."""
    found = set(ids)
    assert [each for each in told.may if each in found] == ids
    assert set(told.must) <= found
