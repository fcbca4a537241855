"""Readings: exact times, and the keys that are filled only when asked for."""

import json
from typing import Any

import msgspec
import pytest

from app.domain.reading import InstantField, Page, Reading
from app.domain.task import Task
from app.domain.times import instant


@pytest.mark.parametrize(
    ("field", "ns"),
    [
        ("created_at", 1587555243290396913),
        ("started_at", 1587555243000000000),
        ("completed_at", None),
        ("updated_at", None),
    ],
)
def test_reading(field: InstantField, ns: int | None, seed: Task) -> None:
    """A reading knows the times to the nanosecond, where the item's texts are cut."""
    found = Reading(
        item=seed,
        number=1,
        times=(
            instant("2020-04-22T11:34:03.290396913Z"),
            instant("2020-04-22T11:34:03Z"),
            None,
            "soon",
        ),
        raw=msgspec.Raw(b"{}"),
    )

    assert found.at_ns(field) == ns
    assert Page(readings=(found,), last=True).readings[0].dropped == 0


def reading(item: Task, raw: bytes) -> Reading[Task]:
    """Return a reading of `item` that came as `raw`."""
    return Reading(item=item, number=1, times=(None,) * 4, raw=msgspec.Raw(raw))


def test_nothing_asked_for(seed: Task) -> None:
    """Without being asked for, neither key is in the answer, nor does anything pay for it."""
    assert reading(seed, b"{}").item_with(raw=False, payload=False) is seed
    assert {"raw", "result_payload"}.isdisjoint(json.loads(msgspec.json.encode(seed)))


def test_raw(seed: Task) -> None:
    """The platform's bytes come out untouched: order, spaces, escapes, numbers of any size."""
    sent = rb'{ "z":16607351687905075000999, "a" : 1.0E+400,"n":"\u00e4\/" , "z":2}'
    answer = msgspec.json.encode(reading(seed, sent).item_with(raw=True, payload=False))

    assert answer.endswith(b',"raw":%b}' % sent)


@pytest.mark.parametrize(
    ("sent", "payload"),
    [
        (b'{"result":{"payload": {"b":1, "a":18446744073709551617} }}',
         b'{"b":1, "a":18446744073709551617}'),
        (b'{"result":{"payload":"MachineManagement::AddAgentResponse"}}',
         b'"MachineManagement::AddAgentResponse"'),
        (b'{"result":{"payload":null}}', b"null"),
        (b'{"result":{}}', b"null"),
        (b'{"result":null}', b"null"),
        (b'{"result":[]}', b"null"),
        (b"{}", b"null"),
        (b"7", b"null"),
    ],
)  # fmt: skip
def test_payload(sent: bytes, payload: bytes, seed: Task) -> None:
    """The payload is a slice of those bytes; where there is none it is null."""
    answer = msgspec.json.encode(reading(seed, sent).item_with(raw=False, payload=True))

    assert answer.endswith(b',"result_payload":%b}' % payload)


def test_not_utf_8(seed: Task) -> None:
    """A byte that is no text costs that one character: the answer stays JSON."""
    sent = b'{"n":"a\xff\xc3\xa4","result":{"payload":["\xc3"]}}'
    found = json.loads(msgspec.json.encode(reading(seed, sent).item_with(raw=True, payload=True)))

    assert found["raw"]["n"] == "a\ufffd\u00e4"
    assert found["result_payload"] == ["\ufffd"]


def test_both(seed: Task) -> None:
    """Both may be asked for at once."""
    found = json.loads(msgspec.json.encode(reading(seed, b"{}").item_with(raw=True, payload=True)))

    assert (found["raw"], found["result_payload"]) == ({}, None)


@pytest.fixture
def seed() -> Task:
    """Return a task with nothing in it but what every task has."""
    required = [field.name for field in msgspec.structs.fields(Task) if field.required]
    empty: dict[str, Any] = dict.fromkeys(required)
    told: dict[str, Any] = {"object": "task", "id": "eu2.1", "upstream_id": "1", "account": "eu2"}
    return Task(**{**empty, **told})
