"""What httpx's exceptions mean in our own errors: nothing answered, or not in time.

Details are sentences for callers: no address, no header.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from app.errors import UpstreamTimeoutError, UpstreamUnavailableError

# Said to callers when the platform names no time of its own.
RETRY_AFTER_S: Final = 5.0
# Times of httpx that end a wait for a platform that was reached; to connect in vain is no silence.
SILENT: Final = (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout)


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
