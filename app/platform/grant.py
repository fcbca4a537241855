"""A token as the platform gives it: how the answer of its endpoint is read (P§2.2)."""

import base64
import binascii
import re
from dataclasses import dataclass, field

import msgspec

from app.errors import UpstreamInvalidResponseError

# "Lifetime: two hours" (P§2.2), for answers that don't say.
LIFETIME_S = 7200.0
# A year; more is believed to be a year. Numbers beyond the second bound are no times at all.
_LIFETIME_MAX_S = 31_536_000.0
_TIME_MAX_S = 1e15
# What may stand in a header. httpx quotes an illegal header in its error, so a token that has
# other characters must be refused before it gets there.
_BEARER = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token as the platform gave it and the seconds it lives; never printed."""

    bearer: str = field(repr=False)
    lifetime_s: float


class _Answer(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a type, not a token
    expires_in: object = None
    expires_on: object = None


class _Claims(msgspec.Struct):
    exp: object = None


def read_grant(body: bytes, *, account: str, now: float) -> Grant:
    """Read the answer of the token endpoint; `now` is Unix seconds when it was asked.

    The lifetime is `expires_in`, which needs no clock, else `expires_on`, else the claim `exp`,
    else two hours (P§2.2). The token itself is opaque: nothing but `exp` is looked for in it.

    Raises:
        UpstreamInvalidResponseError: no JSON, no bearer token, or one that has expired already.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without the cause: its text may quote the answer, and the answer is a secret.
        answer = None
    if (
        answer is None
        or answer.token_type.lower() != "bearer"
        or not _BEARER.fullmatch(answer.access_token)
    ):
        raise UpstreamInvalidResponseError(
            "The token endpoint of the platform answered without a bearer token.", account=account
        )
    lifetime_s = _lifetime_s(answer, now)
    if lifetime_s <= 0:
        raise UpstreamInvalidResponseError(
            "The token endpoint of the platform answered with a token that has expired already;"
            " compare the clocks.",
            account=account,
        )
    return Grant(answer.access_token, min(lifetime_s, _LIFETIME_MAX_S))


def _lifetime_s(answer: _Answer, now: float) -> float:
    if (expires_in := _seconds(answer.expires_in)) is not None:
        return expires_in
    for absolute in (answer.expires_on, _exp(answer.access_token)):
        if (expires_at := _seconds(absolute)) is not None:
            return expires_at - now
    return LIFETIME_S


def _seconds(value: object) -> float | None:
    # `bool` is an `int` to Python; integers of any length come out of JSON, floats don't.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _TIME_MAX_S:
        return float(value)
    return None


def _exp(token: str) -> object:
    parts = token.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Claims).exp
    except (IndexError, binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None
