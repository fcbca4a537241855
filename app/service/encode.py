"""Answers as they leave: encoded once, hashed once."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from app.cache.answers import Found
from app.cache.freshness import USUAL as USUAL_FRESHNESS
from app.cache.freshness import Freshness
from app.domain.times import rfc3339
from app.service.envelope import ActivityList, TaskList

# What an answer weighs beside its body and its link: the object, its ETag, the table of its codings
# and what bytes and texts take by themselves, measured at 0.4 kB.
_OVERHEAD_BYTES = 512
_ETAG_DIGITS = 32  # 128 bits
_PIECE_ITEMS, _PIECE_BYTES = 250, 400_000
_encoder = msgspec.json.Encoder()
_hash = hashlib.sha256  # processors have it: it takes half as long as BLAKE2


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes as they leave, with their strong ETag (RFC 9110 section 8.8.3)."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Answer(Body):
    """A body with what is said beside it; `codings` holds what was made of it so far, by coding.

    `link` is the header of that name (RFC 8288). `failed` are the accounts whose items are not in
    it; one that is `denied` is nobody's to read.
    """

    link: str | None = None
    failed: tuple[str, ...] = ()
    denied: bool = False
    codings: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size_bytes(self) -> int:
        """What keeping it costs, without its codings."""
        return len(self.body) + len(self.link or "") + _OVERHEAD_BYTES


Delivery: TypeAlias = Found[Answer]
"""What a question is answered with: an answer or a failure, and how the cache came by it."""

Wanted: TypeAlias = Freshness
"""How fresh the caller wants it."""

USUAL: Final[Wanted] = USUAL_FRESHNESS
"""As fresh as the clocks say."""


def encode(
    body: Any,
    *,
    link: str | None = None,
    failed: tuple[str, ...] = (),
    within: tuple[str, ...] | None = None,
    denied: bool = False,
) -> Answer:
    """Return the answer that holds `body` as JSON.

    Its ETag is one of those who see the tenants `within`: that of others is never theirs, even
    where both read the same bytes.
    """
    encoded = _print(body)
    etag = _etag(_hash(encoded), within)
    return Answer(encoded, etag, link, failed, denied)


async def encode_page(
    items: Sequence[Any],
    envelope: Callable[[tuple[Any, ...]], Any],
    rest: Callable[[], Awaitable[None]],
    *,
    link: str | None = None,
    failed: tuple[str, ...] = (),
    within: tuple[str, ...] | None = None,
    denied: bool = False,
) -> Answer:
    """Return what `encode` would of `items` in their `envelope`.

    Many are printed and hashed in pieces of 0.2 ms, with a `rest` before each.
    """
    if len(items) <= _PIECE_ITEMS:
        encoded = _print(envelope(tuple(items)))
    else:
        encoded = await _print_long(items, envelope(()), rest)
    digest = _hash(b"")
    for start in range(0, len(encoded), _PIECE_BYTES):
        if len(encoded) > _PIECE_BYTES:
            await rest()
        digest.update(memoryview(encoded)[start : start + _PIECE_BYTES])
    return Answer(encoded, _etag(digest, within), link, failed, denied)


async def _print_long(
    items: Sequence[Any], empty: Any, rest: Callable[[], Awaitable[None]]
) -> bytes:
    """Return the body that is `empty` but for these items, printed in pieces."""
    pieces: list[bytes | memoryview] = []
    for start in range(0, len(items), _PIECE_ITEMS):
        await rest()
        array = _encoder.encode(items[start : start + _PIECE_ITEMS])
        pieces += b",", memoryview(array)[1:-1]
    await rest()
    # The items are the first thing in it, so the first empty array is theirs.
    before, _, after = _encoder.encode(empty).partition(b"[]")
    return b"".join((before, b"[", *pieces[1:], b"]", after))


def _print(body: Any) -> bytes:
    # Copied: msgspec leaves the room that its buffer had left over in the bytes that it returns,
    # up to half as much again, which nobody would see who counts their length.
    return bytes(memoryview(_encoder.encode(body)))


def _etag(digest: "hashlib._Hash", within: tuple[str, ...] | None) -> str:
    if within is not None:
        digest.update(_encoder.encode(within))
    return f'"{digest.hexdigest()[:_ETAG_DIGITS]}"'


def key_text(key: Any) -> str:
    """Return the short name of a cache key: equal questions have equal names on all replicas.

    Replicas whose answers look different have different names for them.
    """
    # JSON says where each part ends, so no two keys run into the same bytes; MessagePack would too,
    # but its numbers end at 64 bits, and moments before 1677 don't.
    told = _encoder.encode((_schema(), type(key).__name__, key))
    return hashlib.blake2b(told, digest_size=8).hexdigest()


@cache
def _schema() -> bytes:
    """Return what changes with the form of answers: no number that somebody must remember."""
    _, parts = msgspec.json.schema_components((TaskList, ActivityList))
    return hashlib.blake2b(_encoder.encode(parts), digest_size=8).digest()


def time_text(ns: int) -> str:
    """Return an instant as answers print it: UTC, three digits, truncated."""
    return f"{rfc3339(ns)[:23]}Z"
