"""Rules of what it means that nothing answered."""

import socket
import ssl

import httpx
import pytest

from app.errors import UpstreamUnavailableError
from app.platform.failures import answering


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (httpx.ConnectError(""), "upstream-unavailable"),
        (httpx.ReadError(""), "upstream-unavailable"),
        (httpx.RemoteProtocolError(""), "upstream-unavailable"),
        (httpx.ConnectTimeout(""), "upstream-unavailable"),
        (httpx.ReadTimeout(""), "upstream-timeout"),
        (httpx.PoolTimeout(""), "upstream-timeout"),
        (TimeoutError(), "upstream-timeout"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_no_answer(error: Exception, slug: str) -> None:
    """No answer is an outage, no answer in time a time-out."""
    with pytest.raises(Exception, match="The platform") as caught:
        async with answering("eu2", deadline_s=90):
            raise error

    assert getattr(caught.value, "slug", None) == slug
    assert getattr(caught.value, "account", None) == "eu2"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (ssl.SSLCertVerificationError("self-signed"), "CA_FILE"),
        (socket.gaierror("not known"), "host name"),
        (ConnectionRefusedError(), "refuses"),
        (OSError(), "could not be reached"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_words_of_no_connection(cause: Exception, said: str) -> None:
    """Why nothing answered is said in words."""
    with pytest.raises(UpstreamUnavailableError, match=said):
        async with answering("eu2", deadline_s=90):
            raise httpx.ConnectError("") from cause
