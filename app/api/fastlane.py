"""The fast lane: what the slow way has just answered is answered again before anything wakes."""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from app.api.names import BLANKS, Names, fresh_names, is_sane
from app.api.replies import Asked, Headers, Reply, Trail
from app.api.spare import spare
from app.api.tracing import is_usual, lone, trace
from app.service.encode import Delivery
from app.service.scope import Consumer

REPLIES_MAX: Final = 1024
_QUESTION_BYTES_MAX: Final = 4096

# They say who and where, not what: every other header of a request is part of the question.
_PERSONAL: Final = frozenset(
    {
        b"connection",
        b"traceparent",
        b"tracestate",
        b"x-forwarded-for",
        b"x-real-ip",
        b"x-request-id",
    }
)

# A request that has one of these may go on after its head.
_MORE_TO_COME: Final = frozenset({b"content-length", b"expect", b"transfer-encoding", b"upgrade"})

_ID, _TRACE = b"x-request-id", b"traceparent"
_SCHEME: Final = b"x-forwarded-proto"
_SPECIAL: Final = _PERSONAL | _MORE_TO_COME | {_SCHEME}

_encode = msgspec.msgpack.Encoder().encode


class Kept(Protocol):
    """What the lane asks of the cache."""

    def watch(self, ended: Callable[[Hashable], None]) -> None:
        """Call `ended` with every key whose answer is replaced, purged or pushed out, at once."""

    def holds(self, found: Delivery) -> bool:
        """Say whether what was found is still what is kept."""


Who: TypeAlias = Callable[[Headers], Consumer | None]
"""Returns the consumer by the headers, or None for whoever must go the slow way."""

Limits: TypeAlias = Callable[[Consumer], Headers]
"""Returns the headers that tell a consumer how often it may ask, as they are now."""

Sent: TypeAlias = Callable[[Reply, float, float, Names], None]
"""Takes down a reply: when its sending ended, how long that took, in seconds, and the names."""


class FastLane:
    """Remembers what the slow way answered, for as long as the cache would answer the same.

    It has no rules of its own: the slow way says what holds for all who ask alike, and the cache
    when that ends. `who` and `limits` are asked for every request. A consumer whose scope or rate
    changed is another one, to whom nothing was answered yet. `monotonic` is the cache's clock.
    """

    def __init__(
        self,
        *,
        who: Who,
        limits: Limits,
        cache: Kept,
        sent: Sent,
        monotonic: Callable[[], float],
    ) -> None:
        self.monotonic = monotonic
        self.sent = sent
        self.fresh_names = fresh_names()
        self.who = who
        self.limits = limits
        self._cache = cache
        self._replies: dict[bytes, Reply] = {}
        self._of_key: dict[Hashable, tuple[Reply, ...]] = {}
        cache.watch(self._end)

    def read(
        self, method: str, target: bytes, headers: Headers, client: tuple[str, int] | None
    ) -> Asked | None:
        """Return what is asked, or None when only the slow way can tell who asks, or what.

        `client` is who speaks: what it says of the scheme may be believed, or not.
        """
        consumer = self.who(headers)
        if consumer is None:
            return None
        parts: list[Any] = [consumer.name, method, target]
        sent_id: bytes | None = None
        traces: list[bytes] = []
        repeats = True
        for pair in headers:
            name = pair[0]
            if name not in _SPECIAL:
                parts.append(pair)
            elif name in _MORE_TO_COME:
                return None
            elif name == _ID:
                if sent_id is None:
                    sent_id = pair[1].strip(BLANKS)
                else:
                    repeats = False
            elif name == _TRACE:
                traces.append(pair[1])
            elif name == _SCHEME:
                parts.append((*pair, client and client[0]))
                repeats = False
        # MessagePack says how long each part is, so no two questions run into the same bytes.
        told = _encode(parts)
        if len(told) > _QUESTION_BYTES_MAX:
            return None
        names = self.names(sent_id or b"", lone(traces))
        question = hashlib.sha256(told).digest()
        return Asked(question, consumer, names, repeats and not traces[1:])

    def names(self, sent_id: bytes, sent_trace: bytes) -> Names:
        """Return the names of a request: what was sent, where that is sane, else fresh ones."""
        if is_sane(sent_id) and is_usual(sent_trace):
            return sent_id, sent_trace
        fresh_id, fresh_trace = self.fresh_names()
        return (
            sent_id if is_sane(sent_id) else fresh_id,
            trace(sent_trace).encode() if sent_trace else fresh_trace,
        )

    def find(self, asked: Asked, now: float) -> Reply | None:
        """Return the reply to what is asked, if there is one and it is fresh at `now`."""
        reply = self._replies.get(asked.question)
        if reply is None or now >= reply.fresh_until:
            return None
        if reply.consumer is not asked.consumer and reply.consumer != asked.consumer:
            return None
        reply.used = True
        return reply

    def learn(self, asked: Asked, trail: Trail, status: int, headers: Headers, body: bytes) -> None:
        """Remember an answer of the slow way, if it says that it holds and it still does."""
        reply = Reply.of(asked, trail, status, headers, body)
        if reply is None or not self._cache.holds(reply.found):
            return
        if asked.question in self._replies:
            self._forget(self._replies[asked.question])
        elif len(self._replies) >= REPLIES_MAX:
            now = self.monotonic()
            self._forget(self._replies[spare(self._replies, lambda each: each.is_proven(now))])
        self._replies[asked.question] = reply
        for key in reply.keys:
            self._of_key[key] = (*self._of_key.get(key, ()), reply)

    def _end(self, key: Hashable) -> None:
        self._forget(*self._of_key.get(key, ()))

    def _forget(self, *replies: Reply) -> None:
        for reply in replies:
            del self._replies[reply.question]
            reply.end()
        # Once for each key: all that asked differently for the same may end together.
        gone = set(replies)
        for key in {key for reply in replies for key in reply.keys}:
            left = tuple(each for each in self._of_key.pop(key) if each not in gone)
            if left:
                self._of_key[key] = left
