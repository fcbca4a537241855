"""Query strings: one question is one value, and every mistake is told at once."""

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.parameters import (
    ACTIVITY_PARAMETERS,
    TASK_ITEM_PARAMETERS,
    TASK_PARAMETERS,
)
from app.domain.parsing import Asked, parse, parse_shape, refuse_all
from app.domain.query import ActivityQuery, Age, Shape, TaskQuery, Window
from app.domain.status import GROUPS, STATUSES
from app.errors import (
    ConflictingParametersError,
    InvalidParameterError,
    InvalidValueError,
    ParameterFault,
    RequestError,
    TooManyIdsError,
    UnknownParameterError,
)

Pairs = list[tuple[str, str]]
Question = dict[str, frozenset[str]]

# The values of a question, and every way to write each of them; "" means: leave it out.
SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "account": {"eu2": ("eu2", "EU2"), "us-1": ("us-1", "Us-1")},
    "id": {"7": ("7",), "eu2.8": ("eu2.8",)},
    "status": {word: (word, word.upper(), word.title()) for word in STATUSES},
    "state": {"started": ("started", "STARTED"), "new": ("new", "New")},
    "result": {"ok": ("ok", "OK"), "error": ("error", "Error")},
    "type": {"a": ("a",), "A": ("A",), "a,b": (r"a\,b",), ",": (r"\,",)},
    "created_after": {"day": ("1d", "24h", "1440m", "86400s"), "week": ("7d", "1w")},
    "completed_before": {
        "ten": ("2026-11-23T10:00:00Z", "2026-11-23t12:00:00.0+02:00", "1795428000"),
        "later": ("2026-11-23T10:00:00.000000001Z",),
    },
    "sort": {"": ("", "-created_at", "-CREATED_AT"), "up": ("created_at",)},
    "limit": {"": ("", "100"), "5": ("5", "05")},
    "partial": {"": ("", "allow", "Allow"), "deny": ("deny", "DENY")},
}
MANY = ("account", "id", "status", "state", "result", "type")
DEFAULTED = ("sort", "limit", "partial")

_SETS = {
    name: st.sets(st.sampled_from(sorted(ways)), min_size=1, max_size=3 if name in MANY else 1)
    for name, ways in SPELLINGS.items()
}
_QUESTIONS: st.SearchStrategy[Question] = st.fixed_dictionaries(
    {name: _SETS[name].map(frozenset) for name in DEFAULTED},
    optional={name: _SETS[name].map(frozenset) for name in SPELLINGS if name not in DEFAULTED},
)
_SEEDS = st.integers(0, 2**32)


def _spelt(seed: int, question: Question) -> Pairs:
    """Spell `question` somehow: any order, case, duplicates, commas, defaults."""
    chance = Random(seed)  # noqa: S311  # no secret
    pairs: Pairs = []
    for name, values in question.items():
        order = sorted(values) + chance.choices(sorted(values), k=chance.randint(0, 2))
        chance.shuffle(order)
        texts = [chance.choice(SPELLINGS[name][value]) for value in order]
        if name in MANY:
            cut = chance.randint(0, len(texts))
            texts = [*filter(None, [",".join(texts[:cut])]), *texts[cut:]]
        pairs += [(name, text) for text in texts if text]
    chance.shuffle(pairs)
    return pairs


@given(_QUESTIONS, _SEEDS, _SEEDS)
def test_one_question_is_one_value(question: Question, seed: int, other_seed: int) -> None:
    """However a question is spelt, it is one value and one hash: one key of the cache."""
    one, other = (
        parse(_spelt(each, question), TASK_PARAMETERS).query for each in (seed, other_seed)
    )

    assert one == other
    assert hash(one) == hash(other)


@given(_QUESTIONS, _QUESTIONS, _SEEDS)
def test_two_questions_are_two_values(question: Question, second: Question, seed: int) -> None:
    """Different questions never share a value."""
    assume(question != second)
    one, other = (parse(_spelt(seed, each), TASK_PARAMETERS).query for each in (question, second))

    assert one != other


def faults(*pairs: tuple[str, str]) -> tuple[type[RequestError], tuple[ParameterFault, ...]]:
    """Return the kind and the faults of the refusal of `pairs`."""
    with pytest.raises(RequestError) as refused:
        parse(pairs, TASK_PARAMETERS)
    return type(refused.value), refused.value.faults


def test_nothing_asked() -> None:
    """Without parameters everything is asked, newest first, a hundred at once."""
    query = TaskQuery(sort="created_at", descending=True, limit=100, partial=True)

    assert parse([], TASK_PARAMETERS) == Asked(query, cursor=None, given=frozenset(), limit=None)


def test_everything_asked() -> None:
    """Each parameter reaches its place, in canonical form."""
    asked = parse(
        [
            ("account", "US-1,eu2"),
            ("status_group", "canceled"),
            ("type", "b"),
            ("type", r"x\,y"),
            ("started_after", "1h"),
            ("updated_before", "0"),
            ("sort", "-started_at"),
            ("limit", "1000"),
            ("partial", "deny"),
        ],
        TASK_PARAMETERS,
    )

    assert asked.query == TaskQuery(
        accounts=("eu2", "us-1"),
        statuses=("canceled",),
        filters=(("type", ("b", "x,y")),),
        windows=(("started_at", Window(after=Age(3600))), ("updated_at", Window(before=0))),
        sort="started_at",
        descending=True,
        limit=1000,
        partial=False,
    )


@pytest.mark.parametrize(
    ("pairs", "statuses"),
    [
        pytest.param(
            [("status_group", "failure")], ("abandoned", "failed", "timed_out"), id="group"
        ),
        pytest.param(
            [("status", "failed,succeeded"), ("status_group", "failure,active")],
            ("failed",),
            id="both",
        ),
        pytest.param([("status", "failed"), ("status_group", "success")], (), id="contradiction"),
        pytest.param([("status", ",".join(STATUSES))], None, id="every status"),
        pytest.param([("status_group", ",".join(GROUPS))], None, id="every group"),
        pytest.param(
            [("status", "failed"), ("status_group", ",".join(GROUPS))], ("failed",), id="no group"
        ),
    ],
)
def test_status_and_group(pairs: Pairs, statuses: tuple[str, ...] | None) -> None:
    """Groups are sets of statuses, and different parameters are ANDed, down to nothing."""
    assert parse(pairs, TASK_PARAMETERS).query.statuses == statuses


def test_every_status_of_activities() -> None:
    """What activities can't have is not asked of them, and all that they can is no filter."""
    pairs = [("status_group", "active")], [("status_group", ",".join(GROUPS))]
    active, every = (parse(each, ACTIVITY_PARAMETERS).query.statuses for each in pairs)

    assert (active, every) == (("paused", "running"), None)


@pytest.mark.parametrize(
    ("pairs", "given", "limit"),
    [
        pytest.param([("cursor", "abc")], set(), None, id="alone"),
        pytest.param([("cursor", "abc"), ("limit", "5")], set(), 5, id="limit"),
        pytest.param([("cursor", "abc"), ("limit", "100")], set(), 100, id="default limit"),
        pytest.param(
            [("cursor", "abc"), ("sort", "-created_at")], {"sort"}, None, id="default sort"
        ),
        pytest.param([("cursor", "abc"), ("status", "failed")], {"status"}, None, id="filter"),
    ],
)
def test_beside_cursor(pairs: Pairs, given: set[str], limit: int | None) -> None:
    """A limit beside a cursor is no filter; anything else is, a written default included."""
    asked = parse(pairs, TASK_PARAMETERS)

    assert (asked.cursor, set(asked.given), asked.limit) == ("abc", given, limit)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("state_group", "status_group", id="near"),
        pytest.param("Status", "status", id="case"),
        pytest.param("create_after", "created_after", id="tense"),
        pytest.param("xyzzy", None, id="nothing near"),
        pytest.param("", None, id="no name"),
    ],
)
def test_unknown_parameter(name: str, meant: str | None) -> None:
    """An unknown parameter is refused and the nearest one is offered."""
    kind, (fault,) = faults((name, "1"), (name, "1"))

    assert kind is UnknownParameterError
    assert fault == ParameterFault(name, "is not a parameter here", did_you_mean=meant)


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(("status", ""), id="word"),
        pytest.param(("type", "a,"), id="behind a comma"),
        pytest.param(("id", ",7"), id="before a comma"),
        pytest.param(("account", "a,,b"), id="between commas"),
        pytest.param(("limit", ""), id="limit"),
        pytest.param(("created_after", ""), id="moment"),
        pytest.param(("cursor", ""), id="cursor"),
    ],
)
def test_empty_value(pair: tuple[str, str]) -> None:
    """An empty value is a mistake, never "all"."""
    kind, (fault,) = faults(pair)

    assert (kind, fault.parameter, fault.detail) == (InvalidValueError, pair[0], "is empty")


def test_mistakes_of_one_kind() -> None:
    """Several mistakes of one kind come in one answer under its slug, in the order sent."""
    kind, found = faults(("limit", "0"), ("status", "cancelled,failed,nope,no"), ("sort", "name"))

    assert kind is InvalidValueError
    assert [fault.parameter for fault in found] == ["limit", "status", "status", "sort"]


def test_same_mistake_twice() -> None:
    """What is wrong twice in the same way is told once."""
    _, found = faults(("status", "nope,failed,nope,no"))

    assert [fault.detail for fault in found] == ["'nope' is not allowed"]


def test_mistakes_of_several_kinds() -> None:
    """Mistakes of several kinds come in one answer as invalid-parameter, all told in words."""
    with pytest.raises(InvalidParameterError) as refused:
        parse([("sattus", "x"), ("limit", "0"), ("status", "ok")], TASK_PARAMETERS)

    assert refused.value.detail == (
        "sattus: is not a parameter here (did you mean status?); "
        "limit: '0' is not allowed; "
        "status: 'ok' is not allowed (did you mean succeeded?)."
    )


def test_thousands_of_mistakes() -> None:
    """A short request can't ask for a long answer: the first twenty mistakes are told."""
    kind, found = faults(*((f"p{number}", "") for number in range(3000)))

    assert (kind, len(found), found[-1].parameter) == (UnknownParameterError, 20, "p19")


def test_too_many_ids() -> None:
    """Two hundred different ids are the most, and duplicates don't count."""
    ids = [str(number) for number in range(200)]
    query = parse([("id", ",".join(ids)), ("id", "7")], TASK_PARAMETERS).query
    kind, (fault,) = faults(("id", ",".join(ids)), ("id", "200"))

    assert len(query.ids) == 200
    assert (kind, fault.detail, fault.allowed) == (TooManyIdsError, "201 ids", "at most 200")


@pytest.mark.parametrize(
    ("name", "kind", "most"),
    [("id", TooManyIdsError, 200), ("tag", InvalidValueError, 100)],
    ids=["ids", "tags"],
)
def test_long_list(name: str, kind: type[RequestError], most: int) -> None:
    """A list of very many values is refused before it costs anything; repeating goes on."""
    values = [str(number) for number in range(most + 1)]
    found, (fault,) = faults((name, ",".join(values)))

    assert (found, fault.detail) == (kind, "is too long a list")
    assert str(fault.allowed).startswith(f"at most {most}")
    assert parse([(name, ",".join(values[:most]))], TASK_PARAMETERS)
    assert parse([("tag", value) for value in values], TASK_PARAMETERS).query.values("tag")


def test_commas_inside_a_value() -> None:
    """Commas that belong to a value don't make a list of it."""
    text = r"\,".join(["a"] * 120) + ",b"

    assert parse([("tag", text)], TASK_PARAMETERS).query.values("tag") == (",".join("a" * 120), "b")


def test_activities() -> None:
    """The parameters of activities make a query about activities, never to be mixed up."""
    query = parse([("task", "eu2.7"), ("parent", "8")], ACTIVITY_PARAMETERS).query
    active = parse([("status_group", "active")], ACTIVITY_PARAMETERS).query

    assert query == ActivityQuery(filters=(("task", ("eu2.7",)), ("parent", ("8",))))
    assert active.statuses == ("paused", "running")


@pytest.mark.parametrize(
    ("pairs", "shape"),
    [
        pytest.param([], Shape(), id="nothing"),
        pytest.param([("fields", "id")], Shape(("id",)), id="id alone"),
        pytest.param(
            [("fields", "tenant.id,tenant"), ("fields", "status")],
            Shape(("id", "status", "tenant")),
            id="part within a part",
        ),
        pytest.param(
            [("include", "RAW,activities,raw")], Shape((), ("activities", "raw")), id="include"
        ),
    ],
)
def test_shape(pairs: Pairs, shape: Shape) -> None:
    """What an answer holds is canonical, of lists and of single objects alike."""
    assert parse_shape(pairs, TASK_ITEM_PARAMETERS) == shape
    assert parse(pairs, TASK_PARAMETERS).query.shape == shape


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([("tenant_scope", "exact")], id="scope of no tenant"),
        pytest.param([("roots_only", "false")], id="not only roots"),
    ],
)
def test_written_default(pairs: Pairs) -> None:
    """What changes nothing is the same question."""
    assert parse(pairs, TASK_PARAMETERS).query == TaskQuery()


def test_local_parameters() -> None:
    """What is looked at here reaches the query like the rest."""
    query = parse(
        [("tenant", "1"), ("tenant_scope", "exact"), ("roots_only", "true")], TASK_PARAMETERS
    ).query

    assert query == TaskQuery(filters=(("tenant", ("1",)),), tenant_exact=True, roots_only=True)


def test_single_given_twice() -> None:
    """A parameter of one value takes no second one; the same again is no second one."""
    kind, (fault,) = faults(("limit", "5"), ("limit", "6"))

    assert (kind, fault.detail) == (InvalidValueError, "is given twice")
    assert parse([("limit", "5"), ("limit", "05")], TASK_PARAMETERS).limit == 5


@pytest.mark.parametrize(
    ("after", "before"),
    [
        pytest.param("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z", id="instants"),
        pytest.param("2026-11-23T10:00:00Z", "2026-11-23T11:00:00+02:00", id="time zones"),
        pytest.param("24h", "7d", id="ages"),
        pytest.param("24h", "1d", id="same age"),
    ],
)
def test_conflicting_window(after: str, before: str) -> None:
    """A window that no instant can lie in is a contradiction, not an empty list."""
    kind, (fault,) = faults(("updated_before", before), ("updated_after", after))

    assert kind is ConflictingParametersError
    assert fault.parameter == "updated_after"
    assert fault.detail == "is not before updated_before, so nothing can match"


def test_refuse_all() -> None:
    """A route without parameters refuses any."""
    refuse_all([])
    with pytest.raises(UnknownParameterError) as refused:
        refuse_all([("a", "1"), ("b", "2")])

    assert [fault.parameter for fault in refused.value.faults] == ["a", "b"]
