"""The cursor: any query comes back as it went, and nothing else comes back at all."""

import base64
import re
import zlib
from typing import get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.domain.cursor import CursorCodec
from app.domain.query import (
    FILTERS,
    IDS_MAX,
    ActivityQuery,
    Age,
    Position,
    Shape,
    TaskQuery,
    Window,
)
from app.domain.reading import InstantField
from app.errors import CursorMalformedError, CursorMismatchError

CODEC = CursorCodec(lambda: b"secret")
QUERY = TaskQuery(
    accounts=("eu2",),
    statuses=("failed",),
    windows=(("created_at", Window(after=Age(604_800))),),
    anchor_ns=1_795_428_000_000_000_001,
    position=Position(1_795_427_999_123_456_789, 944455285181775873, "eu2"),
)
CURSOR = CODEC.write(QUERY)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_FIELDS = st.sampled_from(get_args(InstantField))
_NS = st.integers(-(10**20), 3 * 10**20)  # year 2 to 9999 and beyond: more than 64 bits
_BOUNDS = st.none() | _NS | st.builds(Age, st.integers(0, 10**10))
_TEXTS = st.lists(st.text(max_size=9), max_size=3).map(tuple)
_POSITIONS = st.builds(Position, _NS, st.integers(0, 2**63), st.text(max_size=5), st.integers())
_FILTERS = st.tuples(st.sampled_from(FILTERS), _TEXTS)
_WINDOWS = st.tuples(_FIELDS, st.builds(Window, _BOUNDS, _BOUNDS))
_QUERIES = st.builds(
    lambda kind, **given: kind(**given),
    st.sampled_from([TaskQuery, ActivityQuery]),
    accounts=_TEXTS,
    ids=_TEXTS,
    statuses=st.none() | _TEXTS,
    filters=st.lists(_FILTERS, max_size=2).map(tuple),
    tenant_exact=st.booleans(),
    roots_only=st.booleans(),
    shape=st.builds(Shape, _TEXTS, _TEXTS),
    windows=st.lists(_WINDOWS, max_size=2).map(tuple),
    sort=_FIELDS,
    descending=st.booleans(),
    limit=st.integers(1, 1000),
    partial=st.booleans(),
    anchor_ns=st.none() | _NS,
    position=st.none() | _POSITIONS,
)


class OtherRelease(CursorCodec):
    """Signs rightly whatever it is given, as a release with another form of query would."""

    def sign(self, payload: bytes) -> str:
        """Return the cursor around `payload`."""
        return base64.urlsafe_b64encode(self._box().encrypt(payload, None)).rstrip(b"=").decode()


OTHER = OtherRelease(lambda: b"secret")


@given(_QUERIES)
def test_round_trip(query: TaskQuery) -> None:
    """Any query comes back equal from a text of base64url without padding (RFC 4648, 5)."""
    text = CODEC.write(query)

    assert CODEC.read(text, type(query)) == query
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)


def test_same_text() -> None:
    """The same query is the same text on every replica that has the secret."""
    assert CursorCodec(lambda: b"secret").write(QUERY) == CURSOR


@given(st.integers(0, len(CURSOR) - 1), st.sampled_from(ALPHABET))
def test_changed_character(place: int, character: str) -> None:
    """A cursor with any character changed, unused bits included, is refused."""
    changed = CURSOR[:place] + character + CURSOR[place + 1 :]
    assume(changed != CURSOR)

    with pytest.raises(CursorMalformedError):
        CODEC.read(changed)


@pytest.mark.parametrize("length", range(0, len(CURSOR), 8))
def test_truncated(length: int) -> None:
    """A cursor that was cut anywhere is refused."""
    with pytest.raises(CursorMalformedError):
        CODEC.read(CURSOR[:length])


@given(st.text() | st.text(ALPHABET + "=+/ \n"))
def test_garbage(text: str) -> None:
    """Garbage is refused by name, never by accident."""
    with pytest.raises(CursorMalformedError):
        CODEC.read(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CURSOR + "=", id="padding"),
        pytest.param(CURSOR + "A", id="one more"),
        pytest.param(f" {CURSOR}", id="space"),
        pytest.param(CURSOR + "\n", id="line end"),
        pytest.param(CURSOR + CURSOR, id="twice"),
        pytest.param("\ud800", id="lone surrogate"),
    ],
)
def test_second_spelling(text: str) -> None:
    """There is one spelling of a cursor: padding and what surrounds it are refused."""
    with pytest.raises(CursorMalformedError):
        CODEC.read(text)


def test_other_secret() -> None:
    """A cursor signed with another secret is refused."""
    with pytest.raises(CursorMalformedError, match="not made by this service, or was changed"):
        CursorCodec(lambda: b"other").read(CURSOR)


def test_changed_secret() -> None:
    """A secret that changes ends the cursors made before; when it returns, so do they."""
    secrets = iter([b"old", b"new", b"old"])
    codec = CursorCodec(lambda: next(secrets))
    cursor = codec.write(QUERY)

    with pytest.raises(CursorMalformedError):
        codec.read(cursor)
    assert codec.read(cursor) == QUERY


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"2" + zlib.compress(b"{}"), id="another version"),
        pytest.param(b"1{}", id="not packed"),
        pytest.param(b"1" + zlib.compress(b"["), id="not json"),
        pytest.param(b"1" + zlib.compress(b"{}"), id="of no list"),
        pytest.param(b"1" + zlib.compress(b'{"of": "alert"}'), id="of an unknown list"),
        pytest.param(b"1" + zlib.compress(b'{"of": "task", "new": 1}'), id="an unknown filter"),
        pytest.param(
            b"1" + zlib.compress(b'{"of": "task", "filters": [["new", []]]}'),
            id="an unknown filter name",
        ),
        pytest.param(
            b"1" + zlib.compress(b'{"of": "task", "position": [1, 2, "eu2", 0, 0]}'),
            id="a longer place",
        ),
    ],
)
def test_other_release(payload: bytes) -> None:
    """A signed cursor that says more than is known here is refused, never half obeyed."""
    with pytest.raises(CursorMalformedError):
        CODEC.read(OTHER.sign(payload))


@pytest.mark.parametrize("kind", [TaskQuery, ActivityQuery])
def test_other_list(kind: type[TaskQuery]) -> None:
    """A cursor of one list is refused by the other, whatever it asks."""
    (other,) = {TaskQuery, ActivityQuery} - {kind}
    with pytest.raises(CursorMismatchError) as refused:
        CODEC.read(CODEC.write(kind()), other)

    assert [fault.parameter for fault in refused.value.faults] == ["cursor"]


def test_control_of_other_release() -> None:
    """What is signed as above and is known here is read."""
    assert CODEC.read(OTHER.sign(b"2" + zlib.compress(b'{"of": "task"}'))) == TaskQuery()


def test_large_batch_fits() -> None:
    """The next page of 200 UUIDs fits in a target of 8 KiB, as the first one did."""
    odd = 0x9E3779B97F4A7C15F39CC0605CEDC835
    ids = tuple(str(UUID(int=number * odd % 2**128)) for number in range(IDS_MAX))
    query = msgspec.structs.replace(QUERY, ids=ids)

    assert len(f"/v1/tasks?cursor={CODEC.write(query)}") < 8192
