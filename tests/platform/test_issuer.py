"""The documents of a token issuer."""

import asyncio

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


async def test_not_led_on() -> None:
    """A redirect is not followed, also to where the document is."""
    asked: list[str] = []

    def network(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        moved = {"location": "https://issuer.example/there"}
        return httpx.Response(302, headers=moved) if len(asked) == 1 else httpx.Response(200)

    documents = IssuerDocuments(failed=_MissedError, transport=httpx.MockTransport(network))
    with pytest.raises(_MissedError, match="status 302"):
        await documents.fetch("https://issuer.example/here")
    await documents.aclose()

    assert asked == ["/here"]


async def test_soon() -> None:
    """Each wait for the network is bounded by five seconds."""
    told: list[object] = []

    def network(request: httpx.Request) -> httpx.Response:
        told.append(request.extensions["timeout"])
        return httpx.Response(200)

    documents = IssuerDocuments(failed=_MissedError, transport=httpx.MockTransport(network))
    await documents.fetch("https://issuer.example/jwks")
    await documents.aclose()

    assert told == [dict.fromkeys(("connect", "read", "write", "pool"), 5.0)]


async def test_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is not asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    documents = IssuerDocuments(failed=_MissedError)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await documents.fetch(f"http://127.0.0.1:{port}/jwks") == b"{}"
    await documents.aclose()
