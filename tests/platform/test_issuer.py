"""The documents of a token issuer."""

import httpx
import pytest

from app.platform.issuer import IssuerDocuments


class _MissedError(Exception):
    """What a failure becomes."""


async def fetched(url: str, answer: httpx.Response | Exception) -> bytes:
    """Fetch `url` from a network that answers with `answer`."""

    def network(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        if isinstance(answer, Exception):
            raise answer
        return answer

    documents = IssuerDocuments(failed=_MissedError, transport=httpx.MockTransport(network))
    try:
        return await documents.fetch(url)
    finally:
        await documents.aclose()


@pytest.mark.parametrize("url", ["https://issuer.example/jwks", "http://127.0.0.1:1/jwks"])
async def test_fetch(url: str) -> None:
    """A document is fetched over TLS, or from this machine."""
    assert await fetched(url, httpx.Response(200, content=b"{}")) == b"{}"


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://issuer.example/jwks", httpx.Response(200)),
        ("https://issuer.example/jwks", httpx.Response(302, headers={"location": "http://x"})),
        ("https://issuer.example/jwks", httpx.Response(200, content=bytes(1_048_577))),
        ("https://issuer.example/jwks", httpx.ConnectTimeout("late")),
        ("https://[::", httpx.Response(200)),
        ("file:///etc/passwd", httpx.Response(200)),
    ],
    ids=["plain", "redirect", "large", "timeout", "no address", "file"],
)
async def test_missed(url: str, answer: httpx.Response | Exception) -> None:
    """Anything else is a failure, whatever it is."""
    with pytest.raises(_MissedError):
        await fetched(url, answer)
