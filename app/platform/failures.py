"""What httpx exceptions and the platform's status codes mean in our own errors.

Details are sentences for callers: nothing of the platform's body, no address, no header.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
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
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.platform.decoding import read_refusal

# Said to callers when the platform names no time of its own.
RETRY_AFTER_S: Final = 5.0
# A platform that asks for more than an hour is not believed.
RETRY_AFTER_MAX_S: Final = 3600.0
# Times of httpx that end a wait for a platform that was reached; to connect in vain is no silence.
SILENT: Final = (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)
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


@asynccontextmanager
async def answering(account: str, *, deadline_s: float) -> AsyncGenerator[None]:
    """Bound what stands inside by `deadline_s` and turn exceptions of httpx into ours.

    Cancellation from outside passes, so a caller may put a shorter time over a longer piece
    of work with `asyncio.timeout`.

    Raises:
        UpstreamTimeoutError: the deadline passed, or one of httpx's own times but that to connect.
        UpstreamUnavailableError: nothing answered.
    """
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except (TimeoutError, *SILENT) as error:
        raise UpstreamTimeoutError(
            "The platform did not answer in time.", account=account
        ) from error
    except httpx.TransportError as error:
        raise UpstreamUnavailableError(
            _unreached(error), retry_after_s=RETRY_AFTER_S, account=account
        ) from error


def _unreached(error: BaseException) -> str:
    """Say why nothing answered: httpx keeps the reason in the chain of causes."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return (
                    "The platform's certificate can't be verified; an authority of your own "
                    "belongs into TASKGATE_UPSTREAM__CA_FILE."
                )
            case socket.gaierror():
                return "The platform's host name is not found."
            case ConnectionRefusedError():
                return "The platform's host refuses the connection."
            case httpx.ConnectTimeout():
                return "The platform's host took no connection in time."
            case _:
                pass  # the reason stands further down, if at all
        cause = cause.__cause__ or cause.__context__
    return "The platform could not be reached."


def refusal(
    response: httpx.Response, *, account: str, now: float, facts: UpstreamFacts | None = None
) -> UpstreamError:
    """Return our error for an answer of the API that is no success; `now` is Unix seconds.

    `facts` are what may be told of it, unless all that `facts_of` says.
    """
    status = response.status_code
    facts = facts or facts_of(response)
    wait_s = retry_after_s(response, now)
    match status:
        case 401 | 403:
            return UpstreamAuthFailedError(
                "The platform refused the credentials of this account.",
                account=account,
                upstream=facts,
            )
        case 429:
            return UpstreamThrottledError(
                "The platform asked to slow down.",
                retry_after_s=RETRY_AFTER_S if wait_s is None else wait_s,
                account=account,
                upstream=facts,
            )
        case 503 if wait_s is not None:
            return UpstreamUnavailableError(
                "The platform is not available for a while.",
                retry_after_s=wait_s,
                account=account,
                upstream=facts,
            )
        case _ if status < httpx.codes.BAD_REQUEST:
            return UpstreamInvalidResponseError(
                "The platform answered with a redirect where tasks belong.",
                account=account,
                upstream=facts,
            )
        case _ if status < httpx.codes.INTERNAL_SERVER_ERROR:
            error = UpstreamFailedError(
                f"The platform refused what it was asked, with status {status}.",
                account=account,
                upstream=facts,
            )
            # Where nothing is found at all, it is the account's address that is wrong.
            error.refused = status != httpx.codes.NOT_FOUND
            return error
    return UpstreamFailedError(
        f"The platform failed with status {status}.", account=account, upstream=facts
    )


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
