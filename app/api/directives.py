"""Request directives in: `Cache-Control`, its query twins and `X-Request-Timeout-Ms` → a wish."""

import re
from collections.abc import Mapping
from math import inf
from typing import Any, Final

from app.domain.twins import SECONDS_MAX
from app.errors import InvalidValueError, ParameterFault
from app.service.encode import USUAL, Wanted

MAX_AGE_FLOOR_S: Final = 1

# Token, or token with an argument as token or quoted string (RFC 9111 section 5.2).
_DIRECTIVE = re.compile(r'([!#$%&\'*+.^_`|~\w-]+)(?:=("[^"]*"|[^\s,;"]*))?', re.ASCII)
_SECONDS = re.compile(r"[0-9]+", re.ASCII)
_MILLISECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def read_wish(
    cache_control: str, timeout_ms: str, twins: Mapping[str, Any], *, deadline_s: float
) -> Wanted:
    """Return how fresh the caller wants the answer; an empty text is a header that was not sent.

    A twin wins over the directives of its row. What the service's own clocks say already is the
    one object `USUAL`.

    Raises:
        InvalidValueError: `timeout_ms` is no whole number of at least 1; more than the deadline
            is the deadline.
    """
    if not (cache_control or timeout_ms or twins):
        return USUAL
    given = directives(cache_control)
    max_age_s = _no_older(given["max-age"]) if "max-age" in given else None
    no_cache = "no-cache" in given
    if "max_age" in twins:
        max_age_s, no_cache = twins["max_age"] or None, twins["max_age"] == 0
    max_stale_s = _max_stale(given["max-stale"]) if "max-stale" in given else None
    return Wanted(
        max_age_s=None if max_age_s is None else max(MAX_AGE_FLOOR_S, max_age_s),
        no_cache=no_cache,
        only_if_cached=twins.get("cached_only", "only-if-cached" in given),
        max_stale_s=twins.get("max_stale", max_stale_s),
        stale_if_error_s=delta_seconds(given.get("stale-if-error")),
        no_store="no-store" in given,
        wait_s=_wait_s(timeout_ms, deadline_s) if timeout_ms else None,
    )


def directives(text: str) -> dict[str, str | None]:
    """Return the directives by name; of one that stands twice the first counts."""
    given: dict[str, str | None] = {}
    for name, argument in _DIRECTIVE.findall(text):
        given.setdefault(name.lower(), argument.strip('"') or None)
    return given


def delta_seconds(argument: str | None) -> int | None:
    """Return delta-seconds, the largest that one may hold when there are more (RFC 9111 1.2.2)."""
    if argument is None or not _SECONDS.fullmatch(argument):
        return None
    return SECONDS_MAX if len(argument) > len(str(SECONDS_MAX)) else min(int(argument), SECONDS_MAX)


def _no_older(argument: str | None) -> int:
    # What can't be read is not taken for consent: the strictest age holds (RFC 9111 4.2.1).
    return delta_seconds(argument) or 0


def _max_stale(argument: str | None) -> float | None:
    """Return any age for the bare directive; one that can't be read gives no consent."""
    return inf if argument is None else delta_seconds(argument)


def _wait_s(text: str, deadline_s: float) -> float:
    if _MILLISECONDS.fullmatch(text) and int(text) >= 1:
        return min(int(text) / 1000, deadline_s)
    allowed = f"whole milliseconds from 1 to {int(deadline_s * 1000)}"
    fault = ParameterFault("X-Request-Timeout-Ms", "is not allowed", allowed=allowed)
    raise InvalidValueError("X-Request-Timeout-Ms is not allowed.", faults=[fault])
