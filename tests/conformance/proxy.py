"""A transparent shared HTTP cache whose every answer goes through the service's own cache core."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Final, NamedTuple, NoReturn

import httpx
from starlette.types import Receive, Scope, Send

from app.api.directives import delta_seconds, read_wish
from app.api.freshness import is_known
from app.cache.answers import Loaded
from app.cache.cache import Cache
from app.cache.freshness import Freshness
from app.errors import (
    NotCachedError,
    ServiceError,
    UpstreamFailedError,
    UpstreamInvalidResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from tests.conformance.reply import Fields, Reply, end_to_end, joined, moment

_TIMEOUT = httpx.Timeout(10).as_dict()
_WHATEVER_IS_KEPT: Final = Freshness(only_if_cached=True, max_stale_s=inf)
_READ = ("GET", "HEAD")
_SAFE = (*_READ, "OPTIONS", "TRACE")
_OUTAGES = (500, 502, 503, 504)  # RFC 5861 section 4
_RANGE = re.compile(r"bytes=(\d+)?-(\d+)?", re.ASCII)

_ONE_CALLERS_OWN = frozenset({
    "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range",
})  # fmt: skip
"""What is answered here from the whole, so that one load serves all who ask for a part."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `target` is its path and query as they were sent."""

    method: str
    target: str
    fields: Fields
    body: bytes

    def get(self, name: str) -> str | None:
        """Return a field's value, its lines joined to one list, or None."""
        return joined(self.fields, name)

    @property
    def credentials(self) -> str | None:
        """What the caller may see depends on these."""
        return self.get("authorization")


class Question(NamedTuple):
    """A cache key: what is asked for, and by whom as far as that matters."""

    target: str
    selecting: tuple[tuple[str, str | None], ...]
    credentials: str | None


class CachingProxy:
    """An ASGI app that forwards to `origin` and keeps in `cache` what HTTP allows to be kept.

    `cache` decides on keys, clocks, flights and outages; here is only what is HTTP's. `clock` is
    in Unix seconds, `monotonic` the cache's own.
    """

    def __init__(
        self,
        origin: str,
        *,
        cache: Cache[Reply],
        transport: httpx.AsyncBaseTransport,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._origin = httpx.URL(origin)
        self._cache = cache
        self._transport = transport
        self._clock = clock
        self._monotonic = monotonic
        self._varies: dict[str, tuple[str, ...]] = {}  # by target, as far as known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = await _read(scope, receive)
        try:
            if asked.method in _READ:
                reply = _select(asked, await self._get(asked))
            else:
                reply = await self._change(asked)
        except ServiceError as error:
            reply = Reply(error.status, (), error.detail.encode(), self._clock())
        await _send(reply, send, head=asked.method == "HEAD")

    async def _get(self, asked: Asked) -> Reply:
        key = self._key(asked)
        kept = await self._kept(key)
        load = partial(self._load, key, asked, kept)
        found = await self._cache.get(key, load, _wish(asked, kept))
        reply = found.unwrap()
        if found.how == "miss":
            return reply
        if found.how == "collapsed":
            if self._key(asked) != key:
                # What the origin varies by came with the very answer that this caller waited for.
                return await self._get(asked)
            if not reply.is_shared(credentials=asked.credentials is not None):
                return await self._fetch(asked, None)
        return reply.aged(found.age_s(self._monotonic()))

    def _key(self, asked: Asked) -> Question:
        names = self._varies.get(asked.target, ())
        selecting = tuple((name, asked.get(name)) for name in names)
        return Question(asked.target, selecting, asked.credentials)

    async def _kept(self, key: Question) -> Reply | None:
        try:
            found = await self._cache.get(key, _nothing, _WHATEVER_IS_KEPT)
        except NotCachedError:
            return None
        return found.kept.value

    async def _load(self, key: Question, asked: Asked, kept: Reply | None) -> Loaded[Reply]:
        """Ask the origin, whether what is kept still holds if anything is."""
        reply = await self._fetch(asked, kept)
        if kept is not None:
            if reply.status == 304:
                reply = kept.freshened(reply)
            elif reply.status in _OUTAGES and reply.lifetime_s is None and not kept.never_stale:
                raise UpstreamFailedError(f"The origin answered {reply.status}.")
        ttl_s = reply.ttl_s(credentials=asked.credentials is not None)
        # An error is nothing to stand in for another one.
        whole = reply.status not in _OUTAGES
        loaded = Loaded(reply, _size_bytes(reply), ttl_s, whole=whole)
        if ttl_s:
            self._varies[asked.target] = reply.varies
        actual = self._key(asked)
        if actual == key:
            return loaded
        await self._cache.get(actual, partial(_given, loaded))
        return replace(loaded, ttl_s=0)

    async def _change(self, asked: Asked) -> Reply:
        """Forward a request that is no question; what it changes is forgotten (section 4.4)."""
        reply = await self._fetch(asked, None)
        if asked.method not in _SAFE and 200 <= reply.status < 400:
            changed = {asked.target}
            for name in ("location", "content-location"):
                url = self._url(asked.target).join(reply.get(name) or "")
                if url.netloc == self._origin.netloc:
                    changed.add(url.raw_path.decode("ascii"))
            await self._cache.purge(
                lambda key: isinstance(key, Question) and key.target in changed, hard=True
            )
        return reply

    async def _fetch(self, asked: Asked, kept: Reply | None) -> Reply:
        """Return what the origin says.

        Raises:
            UpstreamError: it says nothing.
        """
        method, fields = asked.method, asked.fields
        if method in _READ:
            method = "GET"
            fields = tuple(each for each in fields if each[0] not in _ONE_CALLERS_OWN)
        if kept is not None:
            fields += kept.validators
        request = httpx.Request(
            method,
            self._url(asked.target),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
            content=asked.body,
            extensions={"timeout": _TIMEOUT},
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                body = b"".join([chunk async for chunk in response.aiter_raw()])
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise UpstreamTimeoutError("The origin is too slow.") from error
        except httpx.TransportError as error:
            raise UpstreamUnavailableError("The origin is out of reach.") from error
        if not 200 <= response.status_code < 600:
            raise UpstreamInvalidResponseError(f"{response.status_code} is no status of HTTP.")
        return Reply(response.status_code, end_to_end(response.headers.raw), body, self._clock())

    def _url(self, target: str) -> httpx.URL:
        return self._origin.copy_with(raw_path=target.encode("ascii"))


async def _nothing() -> NoReturn:
    raise AssertionError("who wants only what is kept makes no call")


async def _given(loaded: Loaded[Reply]) -> Loaded[Reply]:
    return loaded


def _size_bytes(reply: Reply) -> int:
    return len(reply.body) + sum(len(name) + len(value) for name, value in reply.fields)


def _wish(asked: Asked, kept: Reply | None) -> Freshness:
    """Return what the caller wishes, within what the origin allows for what is kept."""
    wish = read_wish(asked.get("cache-control") or "", "", {}, deadline_s=inf)
    if kept is None:
        return wish
    # It was that old, and perhaps that stale, when it came; the core counts from there.
    if wish.max_age_s is not None:
        wish = replace(wish, max_age_s=wish.max_age_s - kept.age_s)
    if kept.never_stale:
        return replace(wish, max_stale_s=None, stale_if_error_s=0)
    if wish.max_stale_s is not None:
        wish = replace(wish, max_stale_s=wish.max_stale_s + min(0.0, kept.left_s))
    if wish.stale_if_error_s is None:
        allowed_s = delta_seconds(kept.terms.get("stale-if-error"))
        wish = replace(wish, stale_if_error_s=allowed_s)
    return wish


def _select(asked: Asked, reply: Reply) -> Reply:
    """Return what the caller asked for of the whole: nothing he knows, or a part, or all of it."""
    if reply.status != 200:
        return reply
    if _is_unchanged(asked, reply):
        return replace(reply, status=304, body=b"")
    if asked.method == "GET" and asked.get("if-range") is None:
        return _part(reply, asked.get("range") or "")
    return reply


def _is_unchanged(asked: Asked, reply: Reply) -> bool:
    known, etag = asked.get("if-none-match"), reply.get("etag") or ""
    if known is not None:
        return is_known(known, etag.removeprefix("W/"))
    since, changed_at = moment(asked.get("if-modified-since")), moment(reply.get("last-modified"))
    return since is not None and (reply.made_at if changed_at is None else changed_at) <= since


def _part(reply: Reply, wanted: str) -> Reply:
    """Return one range of bytes, or all of it when that can't be read or had (section 14.2)."""
    size, match = len(reply.body), _RANGE.fullmatch(wanted)
    if match is None or not any(match.groups()):
        return reply
    if match[1] is None:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(size - 1, int(match[2] or size))
    if first > last:
        return reply
    part = replace(reply, status=206, body=reply.body[first : last + 1])
    return part.having("content-range", f"bytes {first}-{last}/{size}")


async def _read(scope: Scope, receive: Receive) -> Asked:
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    fields = tuple(each for each in end_to_end(scope["headers"]) if each[0] != "host")
    return Asked(scope["method"], target.decode("ascii"), fields, body)


async def _send(reply: Reply, send: Send, *, head: bool) -> None:
    if reply.status in {204, 304}:
        reply = replace(reply, fields=tuple(f for f in reply.fields if f[0] != "content-length"))
    else:
        reply = reply.having("content-length", str(len(reply.body)))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.fields]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if head else reply.body})
