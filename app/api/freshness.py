"""What was found → response: Cache-Control, Age, ETag and 304, Cache-Status, Link."""

import re
from collections.abc import Callable

from fastapi import Request, Response

from app.api.problems import render
from app.service.encode import Delivery

VARY = "Accept, Accept-Encoding, Authorization, Origin, X-API-Key"
_ETAG = re.compile(r'(?:W/)?("[^"]*")')


class Renderer:
    """Turns what the service found into a response; `monotonic` is the cache's clock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    def render(self, found: Delivery, request: Request) -> Response:
        """Return the answer, a 304, or the problem that stands in its place."""
        request.state.cache = found.how
        now = self._monotonic()
        headers = {
            "Age": str(int(found.age_s(now))),
            "Cache-Status": _cache_status(found, now),
            "Vary": VARY,
        }
        if found.kept.error is not None:
            response = render(found.kept.error, request.scope)
            response.headers.update(headers)
            return response
        answer = found.unwrap()
        headers["Cache-Control"] = f"private, max-age={int(found.ttl_left_s(now))}"
        headers["ETag"] = answer.etag
        if answer.next is not None:
            headers["Link"] = f'<{answer.next}>; rel="next"'
        if _is_known(request.headers.getlist("if-none-match"), answer.etag):
            return Response(status_code=304, headers=headers)
        return Response(answer.body, headers=headers, media_type="application/json")


def _cache_status(found: Delivery, now: float) -> str:
    """Say how the answer came, RFC 9211; `collapsed` is one fetch that several waited for."""
    if found.how == "hit":
        return f"taskgate; hit; ttl={int(found.ttl_left_s(now))}"
    status = 200 if found.kept.error is None else found.kept.error.status
    stored = "; stored" if found.kept.fresh_until > found.kept.stored_at else ""
    collapsed = "; collapsed" if found.how == "collapsed" else ""
    return f"taskgate; fwd=miss; fwd-status={status}{stored}{collapsed}"


def _is_known(if_none_match: list[str], etag: str) -> bool:
    """Say whether the caller holds this very answer, RFC 9110 section 13.1.2 (weak comparison)."""
    lists = ",".join(if_none_match)
    return lists.strip() == "*" or etag in _ETAG.findall(lists)
