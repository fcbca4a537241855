"""What the platform's answers that are no success mean in our own errors.

Details are sentences for callers: nothing of the platform's body, no address, no header.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from app.errors import (
    UpstreamAuthFailedError,
    UpstreamError,
    UpstreamFacts,
    UpstreamFailedError,
    UpstreamInvalidResponseError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from app.platform.decoding import read_refusal
from app.platform.failures import RETRY_AFTER_S

# A platform that asks for more than an hour is not believed.
RETRY_AFTER_MAX_S: Final = 3600.0
# A code and a request id go out to callers: short words pass, texts don't.
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# What the token endpoint's words mean to an operator (P§2.5).
_LOGIN_REFUSED: Final = {
    "invalid_client": "The platform knows no client with these credentials, or it is disabled.",
    "access_denied": "The platform denies this client the tenant that its token is narrowed to.",
    "invalid_scope": "The platform denies this client the tenant that its token is narrowed to.",
}

# All that RFC 6749 (section 5.2) and RFC 8693 let a token endpoint say, and what ours does.
_LOGIN_CODES: Final = frozenset(
    {
        *_LOGIN_REFUSED,
        "invalid_grant",
        "invalid_request",
        "invalid_target",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


def refusal(
    response: httpx.Response, *, account: str, now: float, facts: UpstreamFacts | None = None
) -> UpstreamError:
    """Return our error for an answer of the API that is no success; `now` is Unix seconds.

    `facts` are what may be told of it, unless all that `facts_of` says.
    """
    status = response.status_code
    kind, detail, wait_s = _meaning(status, retry_after_s(response, now))
    error = kind(
        detail, retry_after_s=wait_s, account=account, upstream=facts or facts_of(response)
    )
    if isinstance(error, UpstreamFailedError) and status < httpx.codes.INTERNAL_SERVER_ERROR:
        # Where nothing is found at all, it is the account's address that is wrong.
        error.refused = status != httpx.codes.NOT_FOUND
    return error


def _meaning(status: int, wait_s: float | None) -> tuple[type[UpstreamError], str, float | None]:
    """Return the error, its detail, and the seconds after which to come back, if that helps."""
    match status:
        case 401 | 403:
            detail = "The platform refused the credentials of this account."
            return UpstreamAuthFailedError, detail, None
        case 429:
            told_s = RETRY_AFTER_S if wait_s is None else wait_s
            return UpstreamThrottledError, "The platform asked to slow down.", told_s
        case 503 if wait_s is not None:
            return UpstreamUnavailableError, "The platform is not available for a while.", wait_s
        case _ if status < httpx.codes.BAD_REQUEST:
            detail = "The platform answered with a redirect where tasks belong."
            return UpstreamInvalidResponseError, detail, None
        case _ if status < httpx.codes.INTERNAL_SERVER_ERROR:
            detail = f"The platform refused what it was asked, with status {status}."
            return UpstreamFailedError, detail, None
    return UpstreamFailedError, f"The platform failed with status {status}.", None


def token_refusal(response: httpx.Response, *, account: str, now: float) -> UpstreamError:
    """Return our error for an answer of the token endpoint that is no success (P§2.5)."""
    status, facts = response.status_code, facts_of(response)
    if facts.code not in _LOGIN_CODES:
        # The request held the secret, so what comes back may too.
        facts = UpstreamFacts(status=status, code=None, request_id=facts.request_id)
    if status in {400, 401, 403}:
        # The request is ours and always the same, so a 400 too speaks of the credentials.
        return UpstreamAuthFailedError(
            _LOGIN_REFUSED.get(
                facts.code or "",
                "The token endpoint of the platform refused the credentials of this account.",
            ),
            account=account,
            upstream=facts,
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        wait_s = retry_after_s(response, now)
        return UpstreamUnavailableError(
            f"The token endpoint of the platform failed with status {status}.",
            retry_after_s=RETRY_AFTER_S if wait_s is None else wait_s,
            account=account,
            upstream=facts,
        )
    error = refusal(response, account=account, now=now, facts=facts)
    if isinstance(error, UpstreamFailedError):
        error.refused = False  # without a token every question fails
    return error


def facts_of(response: httpx.Response) -> UpstreamFacts:
    """Return what may be told of a refusal; codes and ids that are no plain words are left out."""
    return UpstreamFacts(
        status=response.status_code,
        code=_word(read_refusal(response.content, response.status_code).code),
        request_id=_word(response.headers.get("X-Request-Id")),
    )


def is_of_a_front(response: httpx.Response) -> bool:
    """Say whether a 404 is none of the platform's own.

    The platform names the domain and the code of an error, bare or wrapped (P§12.2). All else is
    some front that doesn't know the path: a wrong address must not look like a task that is gone.
    """
    told = read_refusal(response.content, response.status_code)
    return not (told.domain and told.code)


def _word(text: str | None) -> str | None:
    return text if text is not None and _WORD.fullmatch(text) else None


def retry_after_s(response: httpx.Response, now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for, 0 to an hour, or None without a sane one.

    Whole seconds or an HTTP date (RFC 9110 section 10.2.3; P§13: both occur).
    """
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None  # nearly every answer: to look for a date in nothing takes longer
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, at - now), RETRY_AFTER_MAX_S)
