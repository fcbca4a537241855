"""The token endpoint: what it is asked and how its answer is read (P§2)."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx
import msgspec

from app.errors import (
    UpstreamAuthFailedError,
    UpstreamInvalidResponseError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.platform.attempt import extensions
from app.platform.failures import RETRY_AFTER_S, answering, token_refusal

TOKEN_PATH: Final = "/api/2/idp/token"  # noqa: S105 - a path

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


class TokenEndpoint:
    """Asks for tokens with the client's id and secret, sent as HTTP Basic (P§2.1).

    `secret` is called for each request, so a rotated one is used without a restart; it raises
    ValueError when it finds none. `tenant` is
    the UUID to narrow the tokens to, `deadline_s` bounds a request with all its attempts.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        account: str,
        client_id: str,
        secret: Callable[[], str],
        tenant: str | None,
        deadline_s: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._http = http
        self._account = account
        self._client_id = client_id
        self._secret = secret
        self._deadline_s = deadline_s
        self._clock = clock
        self._monotonic = monotonic
        self._form = {"grant_type": "client_credentials"}
        if tenant is not None:
            # Directly in this grant: the second form of P§2.4. The other one exchanges a base token
            # by `jwt-bearer` and expires with it: two requests and two lives for the same rights.
            self._form["scope"] = f"urn:acronis.com:tenant-id:{tenant}"

    async def ask(self) -> Grant:
        """Fetch a new token.

        Raises:
            UpstreamAuthFailedError: the credentials were refused, or the secret is not there.
            UpstreamInvalidResponseError: the answer holds no token that can be used.
            UpstreamThrottledError: the endpoint asked to slow down.
            UpstreamUnavailableError: it failed, was out of reach, or did not answer in time.
        """
        now = self._clock()
        deadline = self._monotonic() + self._deadline_s
        auth = httpx.BasicAuth(self._client_id, self._client_secret())
        try:
            async with answering(self._account, deadline_s=self._deadline_s):
                response = await self._http.post(
                    TOKEN_PATH,
                    data=self._form,
                    auth=auth,
                    extensions=extensions("token", deadline=deadline),
                )
        except UpstreamTimeoutError as error:
            raise UpstreamUnavailableError(
                "The token endpoint of the platform did not answer in time.",
                retry_after_s=RETRY_AFTER_S,
                account=self._account,
            ) from error
        if not response.is_success:
            raise token_refusal(response, account=self._account, now=now)
        return read_grant(response.content, account=self._account, now=now)

    def _client_secret(self) -> str:
        try:
            return self._secret()
        except ValueError as error:
            raise UpstreamAuthFailedError(
                "The client secret of this account can't be read.", account=self._account
            ) from error


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
