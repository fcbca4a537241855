"""The fast lane: what the slow way has just answered is answered again before anything wakes."""

import hashlib
import secrets
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from struct import Struct
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from app.api.freshness import LIVING, living, server_timing
from app.api.limits import LIMITS
from app.api.middleware import is_sane
from app.api.tracing import is_usual, lone, trace
from app.service.encode import Delivery
from app.service.scope import Consumer

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

REPLIES_MAX: Final = 1024
_DRAWN: Final = 256  # names
_NAMES: Final = Struct("16s32s16s")  # an id, a trace's id and its span's, in hexadecimal digits
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

_ID, _TRACE, _TIMING = b"x-request-id", b"traceparent", b"server-timing"
_SCHEME: Final = b"x-forwarded-proto"
_SPECIAL: Final = _PERSONAL | _MORE_TO_COME | {_SCHEME}

# Headers of an answer that stay as they are. One that is neither here nor counted anew each time
# keeps the answer out of the lane.
_STEADY: Final = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"content-encoding",
        b"content-security-policy",
        b"content-type",
        b"referrer-policy",
        b"strict-transport-security",
        b"vary",
        b"x-content-type-options",
    }
)
_OWN: Final = (b"content-length", b"etag")  # steady too, and no two answers have the same
_FILLED_IN: Final = LIVING | LIMITS | {_ID, _TRACE, _TIMING, *_OWN}
_KNOWN: Final = _STEADY | _FILLED_IN

# Facts of the log line that each request has for itself.
_PERSONAL_FACTS: Final = frozenset({"duration_ms", "request_id", "trace_id"})

_SHARED: Final = 512  # there are as many forms of answers and lines as routes, codings, consumers
_encode = msgspec.msgpack.Encoder().encode

Names: TypeAlias = tuple[bytes, bytes]
"""What one request alone is called: its id and its `traceparent`."""


class Kept(Protocol):
    """What the lane asks of the cache."""

    def watch(self, ended: Callable[[Hashable], None]) -> None:
        """Call `ended` with every key whose answer is replaced, purged or pushed out, at once."""

    def holds(self, found: Delivery) -> bool:
        """Say whether what was found is still what is kept."""


@dataclass(slots=True)
class Trail:
    """What the slow way says of a request.

    `found` holds for everyone who asks the same while it is fresh; `told_key` is what this one is
    told of its key, and `facts` are the log line's.
    """

    found: Delivery | None = None
    told_key: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Asked:
    """A request as the lane sees it: the question, who asks it, and the names to answer under.

    The question is a digest of all its parts: a learned one takes little memory, however long it
    was. `repeats` says that its head means the same whenever and by whomever it is sent, and has no
    name twice.
    """

    question: bytes
    consumer: Consumer
    names: Names
    repeats: bool


@dataclass(slots=True, eq=False)
class Reply:
    """An answer of the slow way; good until `fresh_until`, which the cache may end at any moment.

    `form` are its headers, alike answers' the very same, without what is filled in: `own` are those
    that stay as they are. `wire` is for a door's own form of them.
    """

    question: bytes
    consumer: Consumer
    found: Delivery
    told_key: str
    facts: Mapping[str, Any]
    status: int
    form: Headers
    own: tuple[bytes, ...]
    body: bytes
    fresh_until: float
    wire: Any = None
    key: Hashable = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.found.key

    def headers_at(
        self, now: float, timing: bytes, names: Names, limits: Headers
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers as they are at `now`.

        `timing` is in milliseconds; `limits` are the headers that say what is left to the caller.
        """
        filled = living(self.found, self.told_key, now) | dict(limits)
        filled.update(zip(_OWN, self.own, strict=True))
        filled[_ID], filled[_TRACE] = names
        filled[_TIMING] = server_timing(self.found, timing.decode()).encode()
        return [(name, filled.get(name, value)) for name, value in self.form]

    def steady_until(self, now: float) -> float:
        """Return when the headers of `now` will have changed: they count in whole seconds."""
        kept = self.found.kept
        return min(now + 1 - (now - kept.stored_at) % 1, now + (kept.fresh_until - now) % 1)

    def end(self) -> None:
        """Serve no more, and let go of all but what the journal has yet to take down.

        Whoever still holds this, say with a head that it answered, holds nothing of the cache's.
        """
        self.fresh_until, self.wire = -inf, None
        self.form, self.own, self.body = (), (), b""
        del self.found


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
        self.fresh_names = _fresh_names()
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
                    sent_id = pair[1]
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
        same = reply.consumer is asked.consumer or reply.consumer == asked.consumer
        return reply if same else None

    def learn(self, asked: Asked, trail: Trail, status: int, headers: Headers, body: bytes) -> None:
        """Remember an answer of the slow way, if it says that it holds and it still does."""
        found = trail.found
        if found is None or not self._cache.holds(found):
            return
        if not all(name in _KNOWN for name, _ in headers):
            return
        if asked.question in self._replies:
            self._forget(self._replies[asked.question])
        elif len(self._replies) >= REPLIES_MAX:
            self._forget(next(iter(self._replies.values())))
        sent = dict(headers)
        reply = Reply(
            asked.question,
            asked.consumer,
            found,
            trail.told_key,
            _facts(trail.facts),
            status,
            _form(headers),
            tuple(sent.get(name, b"") for name in _OWN),
            body,
            found.kept.fresh_until,
        )
        self._replies[asked.question] = reply
        self._of_key[reply.key] = (*self._of_key.get(reply.key, ()), reply)

    def _forget(self, reply: Reply) -> None:
        del self._replies[reply.question]
        alike = tuple(each for each in self._of_key.pop(reply.key) if each is not reply)
        if alike:
            self._of_key[reply.key] = alike
        reply.end()

    def _end(self, key: Hashable) -> None:
        for reply in self._of_key.pop(key, ()):
            del self._replies[reply.question]
            reply.end()


def _form(headers: Headers) -> Headers:
    """Return what answers alike have in common, the same object for equal ones."""
    return _alike(tuple((name, b"" if name in _FILLED_IN else value) for name, value in headers))


@lru_cache(_SHARED)
def _alike(headers: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return headers


def _facts(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what log lines alike have in common, the same object for equal ones."""
    return _told(
        tuple((name, "" if name in _PERSONAL_FACTS else fact) for name, fact in facts.items())
    )


@lru_cache(_SHARED)
def _told(facts: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    return dict(facts)


def _fresh_names() -> Callable[[], Names]:
    """Return what names requests: 64 random bits, and the beginning of a trace; see `trace`.

    Many are drawn at once: one draw of the system's randomness costs as much as all else that a
    kept answer needs.
    """

    def draw() -> Iterator[Names]:
        while True:
            digits = secrets.token_hex(32 * _DRAWN).encode()
            for request_id, trace_id, span in _NAMES.iter_unpack(digits):
                yield request_id, b"00-%b-%b-00" % (trace_id, span)

    return draw().__next__
