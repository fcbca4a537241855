"""The moments that callers write: RFC 3339 with an offset, epoch seconds, or an age."""

import re

from app.domain.query import Age, Moment, Window
from app.domain.times import nanoseconds

ALLOWED = (
    "RFC 3339 with an offset (2026-11-23T10:00:00Z), epoch seconds (1795428000), "
    "or an age (90m, 24h, 7d)"
)
AGE_MAX_S = 36_500 * 86_400
_NS = 1_000_000_000
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EPOCH = re.compile(r"[0-9]{1,10}")
_EPOCH_MS = re.compile(r"[0-9]{13}")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)


class MomentError(ValueError):
    """The text is no moment; `did_you_mean` is what was probably meant."""

    def __init__(self, reason: str, did_you_mean: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.did_you_mean = did_you_mean


def read_moment(text: str) -> Moment:
    """Return the moment that `text` names: nanoseconds since the Unix epoch, or an age.

    Raises:
        MomentError: the text is neither.
    """
    if age := _AGE.fullmatch(text):
        seconds = int(age[1]) * _UNIT_S[age[2]]
        if seconds > AGE_MAX_S:
            raise MomentError("is longer ago than a hundred years", "36500d")
        return Age(seconds)
    if _EPOCH.fullmatch(text):
        return int(text) * _NS
    if _EPOCH_MS.fullmatch(text):
        raise MomentError("looks like milliseconds; epoch times are in seconds", text[:10])
    if _LOCAL.fullmatch(text):
        raise MomentError(
            "has no offset, so it would mean another instant in every time zone; add Z or +02:00",
            _with_offset(text),
        )
    ns = nanoseconds(text)
    if ns is not None:
        return ns
    clock, _, offset = text.rpartition(" ")
    if nanoseconds(f"{clock}+{offset}") is not None:
        raise MomentError("a + in a URL means a space; write it as %2B", f"{clock}%2B{offset}")
    raise MomentError("is no time")


def _with_offset(text: str) -> str | None:
    day, clock = text[:10], text[11:]
    full = f"{day}T{clock or '00:00:00'}{':00' if clock.count(':') == 1 else ''}Z"
    return full if nanoseconds(full) is not None else None


def resolve(moment: Moment | None, now_ns: int, step_s: float) -> int | None:
    """Return `moment` in nanoseconds; an age counts from `now_ns`, rounded down to `step_s`."""
    if not isinstance(moment, Age):
        return moment
    step_ns = int(step_s * _NS)
    return now_ns // step_ns * step_ns - moment.seconds * _NS


def is_empty(window: Window) -> bool:
    """Say whether no instant can lie in `window`, whatever the time is now."""
    match window.after, window.before:
        case int(after), int(before):
            return after >= before
        case Age(seconds=after), Age(seconds=before):
            return after <= before
        case _:
            return False
