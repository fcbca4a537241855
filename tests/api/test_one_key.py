"""One question is one key of the cache, however its target is spelt; two are two, always."""

from collections.abc import Callable, Hashable
from random import Random
from typing import Any, NamedTuple, NoReturn, cast

import pytest
from fastapi import Request
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.api.questions import remembered
from app.domain.cursor import CursorCodec
from app.domain.filters import KnownTenants
from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_PARAMETERS, Table
from app.domain.parsing import parse
from app.service.accounts import AccountBook
from app.service.encode import key_text
from app.service.fanout import Fanout
from app.service.house import House, Lifetimes
from app.service.items import ItemService
from app.service.nouns import ACTIVITIES, TASKS, Noun
from app.service.scope import Caller, Consumer, Scope
from tests.domain.test_parsing import MANY, SPELLINGS

ACCOUNTS = ("eu2", "us-1")
TABLES: dict[str, tuple[Noun, Table]] = {
    "tasks": (TASKS, TASK_PARAMETERS),
    "activities": (ACTIVITIES, ACTIVITY_PARAMETERS),
}
# The values of a parameter, and ways to write each; "" means: leave it out.
WAYS: dict[str, dict[str, tuple[str, ...]]] = {
    name: ways for name, ways in SPELLINGS.items() if name not in {"account", "partial"}
} | {
    "status": {word: (word, word.upper()) for word in ("failed", "running", "succeeded")},
    "created_before": {
        "zulu": ("2026-11-23T10:00:00Z", "2026-11-23T15:30:00+05:30", "2026-11-23T00:00:00-10:00"),
        "next": ("2026-11-23T10:00:00.5Z", "2026-11-23T09:00:00.500000-01:00"),
    },
    "policy_name": {text: (text,) for text in ("a b", "a+b", "a%20b", "\u00fc&x=")},
    "started_by": {"a b": ("a b",), "~a": ("~a",)},
    "tenant": {"7": ("7",), "8": ("8",)},
    "fields": {name: (name,) for name in ("", "status", "tenant", "tenant.id")},
    "include": {"": ("",), "raw": ("raw", "RAW")},
}  # fmt: skip
ALWAYS = {"sort", "limit", "fields", "include"}
SEVERAL = {*MANY, "policy_name", "started_by", "tenant"}


class Question(NamedTuple):
    """What is asked, of what, and by whom: all that an answer depends on."""

    noun: str
    values: tuple[tuple[str, frozenset[str]], ...]
    accounts: tuple[str, ...]
    tenants: tuple[str, ...] | None


class _Caught(Exception):  # noqa: N818  # no error
    """The key that the cache was asked for."""

    def __init__(self, key: Hashable) -> None:
        super().__init__()
        self.key = key


class _Catching:
    """In the place of a cache: tells the key, and brings no answer."""

    async def get(self, key: Hashable, *_: object, **__: object) -> NoReturn:
        raise _Caught(key)


def _services() -> dict[str, tuple[Callable[[Request], Any], ItemService]]:
    fanout = Fanout(
        {}, AccountBook({}, sandbox=False), deadline_s=1, clock=lambda: 0.0, monotonic=lambda: 0.0
    )
    house = House(
        accounts=ACCOUNTS,
        fanout=fanout,
        cache=cast("Any", _Catching()),
        cursors=CursorCodec(lambda: b"secret"),
        lifetimes=Lifetimes(unfinished_s=10, finished_s=60, item_finished_s=3600),
        scan_pages_max=10,
        monotonic=lambda: 0.0,
        tenants=KnownTenants(),
    )

    def reads(table: Table) -> Callable[[Request], Any]:
        return remembered(lambda pairs: parse(pairs, table))

    return {
        name: (reads(table), ItemService(noun, house)) for name, (noun, table) in TABLES.items()
    }


SERVICES = _services()


def _key(question: Question, chance: Random) -> Hashable:
    """Return the key of `question`, spelt somehow."""
    read, service = SERVICES[question.noun]
    scope = Scope.of(accounts=question.accounts, tenants=question.tenants)
    caller = Caller(Consumer("somebody", scope, rate=None, admin=False), lambda _: None)
    query = _query_string(question, chance).encode()
    _, asked = read(Request({"type": "http", "query_string": query}))
    with pytest.raises(_Caught) as caught:
        cast("Any", service.list(asked, caller)).send(None)
    return caught.value.key


def _query_string(question: Question, chance: Random) -> str:
    """Spell a question: any order, case, duplicates, commas, defaults, zones, encodings."""
    pairs: list[tuple[str, str]] = []
    for name, values in question.values:
        order = sorted(values) + chance.choices(sorted(values), k=chance.randint(0, 2))
        chance.shuffle(order)
        texts = [text for each in order if (text := chance.choice(WAYS[name][each]))]
        if name in SEVERAL and texts:
            cut = chance.randint(1, len(texts))
            texts = [",".join(texts[:cut]), *texts[cut:]]
        pairs += [(name, text) for text in texts]
    # How fresh, and whether with gaps, is no part of a question; nor are accounts that all see.
    pairs += chance.choice([[], [("max_age", "5")], [("partial", "DENY")], [("max_stale", "9")]])
    pairs += chance.choice([[], [("account", each.upper()) for each in question.accounts]])
    chance.shuffle(pairs)
    return "&".join(f"{_encoded(name, chance)}={_encoded(text, chance)}" for name, text in pairs)


def _encoded(text: str, chance: Random) -> str:
    """Percent-encode what must be, and something of what need not."""
    return "".join(_letter(each, chance) for each in text)


def _letter(letter: str, chance: Random) -> str:
    if letter == " " and chance.random() < 0.5:
        return "+"
    if letter.isascii() and letter not in " %&+#;=" and chance.random() < 0.7:
        return letter
    spelt = "".join(f"%{byte:02x}" for byte in letter.encode())
    return spelt.upper() if chance.random() < 0.5 else spelt


def _values(noun: str, chance: Random) -> dict[str, frozenset[str]]:
    values = {}
    for name, ways in WAYS.items():
        if name in TABLES[noun][1].by_name and (name in ALWAYS or chance.random() < 0.4):
            most = 3 if name in SEVERAL else 1
            values[name] = frozenset(chance.choices(sorted(ways), k=chance.randint(1, most)))
    return values


def _question(chance: Random) -> Question:
    noun = chance.choice(sorted(TABLES))
    return Question(
        noun,
        tuple(sorted(_values(noun, chance).items())),
        chance.choice([ACCOUNTS, ("eu2",), ("us-1",)]),
        chance.choice([None, ("7",), ("7", "8")]),
    )


def _second(one: Question, chance: Random) -> Question:
    """Return the same question, one that differs in one thing, or any."""
    other = _question(chance)
    match chance.randrange(4):
        case 0:
            return one
        case 1:
            return one._replace(tenants=other.tenants)
        case 2 if one.noun == other.noun:
            changed = dict(one.values) | dict(chance.sample(other.values, 1))
            return one._replace(values=tuple(sorted(changed.items())))
        case _:
            return other


# The draws are `Random`'s, a hundred times as fast as Hypothesis' own; it varies the seed.
@given(st.integers(0, 2**64))
def test_pairs(seed: int) -> None:
    """Two targets share a key when they ask the same within the same sight, and only then."""
    chance = Random(seed)  # noqa: S311  # no secret
    one = _question(chance)
    other = _second(one, chance)
    keys = [_key(question, chance) for question in (one, other)]

    assert (keys[0] == keys[1]) is (one == other)
    assert (key_text(keys[0]) == key_text(keys[1])) is (one == other)
    assert one != other or hash(keys[0]) == hash(keys[1])


@pytest.mark.machine
def test_many_pairs() -> None:
    """So do ten thousand pairs."""
    settings(max_examples=10_000, deadline=None, phases=[Phase.generate], database=None)(
        test_pairs
    )()
