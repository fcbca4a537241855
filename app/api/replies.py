"""What was asked and answered, as the lane keeps it: one reply for all who ask the same."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Any, Final, TypeAlias

from app.api.freshness import LIVING, living, server_timing
from app.api.limits import LIMITS
from app.api.names import Names
from app.service.encode import Answer, Delivery
from app.service.scope import Consumer

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_ID, _TRACE, _TIMING = b"x-request-id", b"traceparent", b"server-timing"
DOORS: Final = (_TIMING, _ID, _TRACE)
"""The headers that a door fills in for each request, in the order in which they leave."""

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
_FILLED_IN: Final = LIVING | LIMITS | {*DOORS, *_OWN}
_KNOWN: Final = _STEADY | _FILLED_IN

# Facts of the log line that each request has for itself.
_PERSONAL_FACTS: Final = frozenset({"duration_ms", "request_id", "trace_id"})

_SHARED: Final = 512  # there are as many forms of answers and lines as routes, codings, consumers


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

    It rests on what is kept under all of its `keys`. `form` are its headers, alike answers' the
    very same, without what is filled in: `own` are those that stay as they are. `wire` is for a
    door's own form of them. `used` says that it was found since it was learnt.
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
    wire: Any = None
    used: bool = False
    keys: tuple[Hashable, ...] = field(init=False)
    fresh_until: float = field(init=False)

    def __post_init__(self) -> None:
        grounds = self.found.grounds
        self.keys = tuple(each.key for each in grounds)
        self.fresh_until = min(each.kept.fresh_until for each in grounds)

    @classmethod
    def of(
        cls, asked: Asked, trail: Trail, status: int, headers: Headers, body: bytes
    ) -> "Reply | None":
        """Return what was answered, or None where it does not hold for all who ask the same.

        The slow way does not say so; there is a header that can't be made anew each time, or not
        each of those that every door fills in, once and in their order; or the body is not the
        cache's own, such as a coding without room beside its answer, and nobody would count it.
        """
        found = trail.found
        if found is None or not all(name in _KNOWN for name, _ in headers):
            return None
        if tuple(name for name, _ in headers if name in DOORS) != DOORS:
            return None
        if body and not _is_kept(body, found.unwrap()):
            return None
        sent = dict(headers)
        return cls(
            asked.question,
            asked.consumer,
            found,
            trail.told_key,
            _facts(trail.facts),
            status,
            _form(headers),
            tuple(sent.get(name, b"") for name in _OWN),
            body,
        )

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

    def is_proven(self, now: float) -> bool:
        """Say whether this was found since it was learnt, and may be found again."""
        return self.used and now < self.fresh_until

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


def _is_kept(body: bytes, answer: Answer) -> bool:
    return any(body is held for held in (answer.body, *answer.codings.values()))


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
