"""The headers of answers in the OpenAPI document: what each one says, and where it comes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from app.errors import (
    ContentTooLargeError,
    HeadersTooLargeError,
    OverloadedError,
    RateLimitedError,
    ServiceError,
    UnauthenticatedError,
    UpstreamError,
    UriTooLongError,
)

_TEXT = {"type": "string", "maxLength": 1024}
# RFC 9111 section 1.2.2 asks no reader to bear more.
_SECONDS = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
# By name: what it says, its schema, an example.
_TABLE: Final[Mapping[str, tuple[str, Mapping[str, Any], Any]]] = {
    "Access-Control-Allow-Origin": (
        "Your page's origin, when this installation lets its scripts read answers.",
        _TEXT,
        "https://portal.example",
    ),
    "Age": ("Seconds since the platform was asked for the answer.", _SECONDS, 3),
    "Cache-Control": (
        "How long it stays fresh: what is left of its time. Failures are `no-store`.",
        _TEXT,
        "private, max-age=7",
    ),
    "Cache-Status": (
        "How it came: `hit`, or `fwd` and why; a `ttl` below 0 is stale (RFC 9211).",
        _TEXT,
        "taskgate; hit; ttl=7",
    ),
    "ETag": (
        "Send it as `If-None-Match`; an unchanged answer is 304. Each coding has its own.",
        {"type": "string", "pattern": '^"[^"]+"$', "maxLength": 1024},
        '"5ee74a2174c0c0e8e3f1d0ac45a4dc9f-gzip"',
    ),
    "Link": (
        'The next page, `rel="next"`, or all steps of a task that shows some, `rel="related"`.',
        {"type": "string", "pattern": '^<[^<>]+>; rel="(?:next|related)"$', "maxLength": 8192},
        '</v1/tasks?cursor=AbC-1_2>; rel="next"',
    ),
    "RateLimit": (
        "Requests that may cause calls: `r` are left, all are in `t` s. None without a rate.",
        _TEXT,
        '"default";r=49;t=1',
    ),
    "RateLimit-Policy": (
        "Your rate: `q` requests that cause calls to the platform in `w` s.",
        _TEXT,
        '"default";q=50;w=1',
    ),
    "Retry-After": ("Seconds to wait, where waiting helps.", _SECONDS, 5),
    "Server-Timing": (
        "How the cache answered, and in how many milliseconds, waiting included.",
        _TEXT,
        "cache;desc=hit;dur=0.071",
    ),
    "Vary": (
        "The request headers that the answer depends on.",
        _TEXT,
        "Accept, Accept-Encoding, Authorization, Origin, X-API-Key",
    ),
    "WWW-Authenticate": (
        "What to present: a key or a token; `error` when it was not taken (RFC 6750).",
        _TEXT,
        'Bearer realm="taskgate", error="invalid_token"',
    ),
    "X-Request-Id": (
        "Yours when you sent a sane one; it stands in our log.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 128},
        "b1946ac92492d234",
    ),
    "traceparent": (
        "The trace you sent, or a new one; its id stands in our log (W3C Trace Context).",
        {
            "type": "string",
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "maxLength": 55,
        },
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
}
_ALWAYS = ("Access-Control-Allow-Origin", "Cache-Control", "Vary", "X-Request-Id", "traceparent")
_LIMITS = ("RateLimit", "RateLimit-Policy")
_FROM_CACHE = ("Age", "Cache-Status", "Server-Timing")
_SENT_WITH: Final[Mapping[str, tuple[type[ServiceError], ...]]] = {
    "Retry-After": (RateLimitedError, OverloadedError, UpstreamError),
    "WWW-Authenticate": (UnauthenticatedError,),
}
# Refused before it was known who asks.
_AT_THE_DOOR = (UnauthenticatedError, ContentTooLargeError, UriTooLongError, HeadersTooLargeError)

Headers: TypeAlias = dict[str, Any]


def components() -> Headers:
    """Return every header by name, as the document has them once."""
    return {
        name: {"description": text, "schema": dict(schema), "example": example}
        for name, (text, schema, example) in _TABLE.items()
    }


def of_every_answer() -> Headers:
    """Refer to the headers that come with anything."""
    return _references(_ALWAYS)


def of_answer(*, kept: bool, linked: bool) -> Headers:
    """Refer to the headers of an answer: `kept` ones have an ETag, `linked` ones may go on."""
    names = [*_ALWAYS, *_LIMITS]
    if kept:
        names += ["ETag", *_FROM_CACHE]
    if linked:
        names.append("Link")
    return _references(names)


def of_failures(kinds: Sequence[type[ServiceError]]) -> Headers:
    """Refer to the headers that the failures of one status come with."""
    names = list(_ALWAYS)
    if not all(issubclass(kind, _AT_THE_DOOR) for kind in kinds):
        names += _LIMITS
    if any(issubclass(kind, UpstreamError) or kind.nature == "answer" for kind in kinds):
        names += _FROM_CACHE
    for name, senders in _SENT_WITH.items():
        if any(issubclass(kind, senders) for kind in kinds):
            names.append(name)
    return _references(names)


def _references(names: Iterable[str]) -> Headers:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
