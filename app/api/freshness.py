"""What was found → response: coding, ETag and 304, Cache-Control, Age, Cache-Status, Link."""

import re
from collections.abc import Awaitable, Callable, Mapping
from math import floor
from typing import Any, Final

from fastapi import Request, Response
from starlette.types import Scope

from app.api.directives import read_wish
from app.api.negotiation import IDENTITY, choose, takes_plain
from app.api.problems import render
from app.service.codings import Codings
from app.service.encode import USUAL, Body, Delivery, Wanted, key_text
from app.telemetry import calls

VARY = "Accept, Accept-Encoding, Authorization, Origin, X-API-Key"
LIVING: Final = frozenset({b"age", b"cache-control", b"cache-status", b"link"})
"""The headers of an answer that are made of what was found, most of which change with time."""

_ETAG = re.compile(r'(?:W/)?("[^"]*")')
_READ = (b"accept-encoding", b"cache-control", b"if-none-match", b"x-request-timeout-ms")


class Renderer:
    """Asks on behalf of a request, as fresh as it wishes, and turns what was found into a response.

    `monotonic` is the cache's clock; nobody waits longer than `deadline_s`,
    for a coding neither: a large answer is sent as it is before it is late.
    """

    def __init__(
        self, *, codings: Codings, deadline_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._codings = codings
        self._deadline_s = deadline_s
        self._monotonic = monotonic

    async def answer(
        self,
        request: Request,
        ask: Callable[[Wanted], Awaitable[Delivery]],
        *,
        twins: Mapping[str, Any],
    ) -> Response:
        """Return the answer, a 304, or the problem that stands in its place.

        Raises:
            ServiceError: a header can't be read, or `ask` raised it.
        """
        began = self._monotonic()
        scope, state = request.scope, request.scope["state"]
        sent = _sent(scope)
        wanted = read_wish(
            sent.get(b"cache-control", ""),
            sent.get(b"x-request-timeout-ms", ""),
            twins,
            deadline_s=self._deadline_s,
        )
        plain = takes_plain(sent.get(b"accept-encoding", ""))  # else nobody need be asked
        made = calls.begin()
        try:
            found = await ask(wanted)
        finally:
            state["upstream_calls"] = made.number
        now = self._monotonic()
        state["cache"] = found.how
        key = _key(found, scope)
        headers = {
            "Age": _age(found, now),
            "Cache-Status": _cache_status(found, now) + key,
            "Server-Timing": server_timing(found, f"{(now - began) * 1000:.3f}"),
            "Vary": VARY,
        }
        if found.kept.error is not None:
            response = render(found.kept.error, scope)
            response.headers.update(headers)
            return response
        until = began + (self._deadline_s if wanted.wait_s is None else wanted.wait_s)
        response = await self._body(found, sent, headers, now, until if plain else None)
        usual = wanted is USUAL and not made.number
        if usual and all(each.how == "hit" for each in found.grounds):
            _leave_trail(found, key, state)
        return response

    async def _body(
        self,
        found: Delivery,
        sent: Mapping[bytes, str],
        headers: dict[str, str],
        now: float,
        until: float | None,
    ) -> Response:
        answer = found.unwrap()
        body: Body = answer
        coding = choose(sent.get(b"accept-encoding", ""), len(answer.body))
        if coding != IDENTITY:
            wait_s = None if until is None else until - now
            body = await self._codings.coded(found, coding, wait_s=wait_s)
            if body is not answer:
                headers["Content-Encoding"] = coding
        headers["Cache-Control"] = _cache_control(found, now)
        headers["ETag"] = body.etag
        if answer.link is not None:
            headers["Link"] = answer.link
        if is_known(sent.get(b"if-none-match", ""), body.etag):
            # It describes a body that does not come (RFC 9110 section 15.4.5).
            headers.pop("Content-Encoding", None)
            return Response(status_code=304, headers=headers)
        return Response(body.body, headers=headers, media_type="application/json")


def _sent(scope: Scope) -> dict[bytes, str]:
    """Return the headers that matter here, in one pass; a repeated one is one list."""
    sent: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _READ:
            text = value.decode("latin-1")
            sent[name] = f"{sent[name]},{text}" if name in sent else text
    return sent


def _leave_trail(found: Delivery, key: str, state: Mapping[str, Any]) -> None:
    """Tell the lane, if it listens, of what holds for all who ask the same."""
    if "trail" in state:
        trail = state["trail"]
        trail.found, trail.told_key = found, key


def server_timing(found: Delivery, timing: str) -> str:
    """Return the header that tells how long the answer took to find, in milliseconds."""
    return f"cache;desc={found.how};dur={timing}"


def living(found: Delivery, key: str, now: float) -> dict[bytes, bytes]:
    """Return the headers of `LIVING` as they are at `now`; those that count do it in seconds.

    `key` ends the `Cache-Status`.
    """
    told = {
        b"age": _age(found, now).encode(),
        b"cache-control": _cache_control(found, now).encode(),
        b"cache-status": (_cache_status(found, now) + key).encode(),
    }
    link = found.unwrap().link
    return told if link is None else told | {b"link": link.encode("latin-1")}


def _age(found: Delivery, now: float) -> str:
    return str(int(found.age_s(now)))


def _cache_control(found: Delivery, now: float) -> str:
    return f"private, max-age={int(found.ttl_left_s(now))}"


def _cache_status(found: Delivery, now: float) -> str:
    """Say how the answer came, RFC 9211.

    `ttl` is negative for something stale; `detail` says why that stands in for what was asked.
    """
    ttl = f"ttl={floor(found.ttl_s(now))}"
    if found.forward is None:
        return f"taskgate; hit; {ttl}"
    status = f"taskgate; fwd={found.forward}"
    failed = found.error or found.kept.error
    if not found.late:
        status += f"; fwd-status={200 if failed is None else failed.status}"
    if found.stored:
        status += "; stored"
    if found.how == "collapsed":
        status += "; collapsed"
    if found.how == "stale":
        status += f"; {ttl}"
    if found.how == "stale" or found.late:
        status += f"; detail={'late' if found.late else 'stale-if-error'}"
    return status


def _key(found: Delivery, scope: Scope) -> str:
    """Name the key, for admins alone: it tells nothing, but it can be compared."""
    if not scope["state"]["caller"].consumer.admin:
        return ""
    return f'; key="{key_text(found.key)}"'


def is_known(if_none_match: str, etag: str) -> bool:
    """Say whether the caller holds this very answer, RFC 9110 section 13.1.2 (weak comparison)."""
    return if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)
