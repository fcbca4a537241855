"""Rules of the connections: who is trusted, and who stands between."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from app.platform.pool import no_cookies, open_pool

AUTHORITY = trustme.CA()


@asynccontextmanager
async def server(tls: ssl.SSLContext | None, seen: list[bytes]) -> AsyncIterator[int]:
    """Answer every request on a loopback port; note their first lines."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", ssl=tls) as listening:
        yield listening.sockets[0].getsockname()[1]


def own_tls(name: str = "127.0.0.1") -> ssl.SSLContext:
    """Return a server's side whose certificate is of our own authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(tls)
    return tls


async def ask(url: str, ca_file: Path | None = None, proxy: str | None = None) -> int:
    """Make one request; return its status."""
    pool = open_pool(concurrency=1, ca_file=ca_file, proxy=proxy)
    async with httpx.AsyncClient(transport=pool, trust_env=False) as http:
        return (await http.get(url)).status_code


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    """Write our authority's certificate to a file."""
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(path)
    return path


async def test_private_authority(ca_file: Path) -> None:
    """A certificate of the authority in the file is trusted."""
    async with server(own_tls(), []) as port:
        assert await ask(f"https://127.0.0.1:{port}/", ca_file) == 200


async def test_unknown_authority() -> None:
    """Without the file it is not, and nothing is asked."""
    seen: list[bytes] = []
    async with server(own_tls(), seen) as port:
        with pytest.raises(httpx.ConnectError):
            await ask(f"https://127.0.0.1:{port}/")

    assert seen == []


async def test_another_name(ca_file: Path) -> None:
    """A certificate for another host is refused, whoever signed it."""
    async with server(own_tls("localhost"), []) as port:
        with pytest.raises(httpx.ConnectError):
            await ask(f"https://127.0.0.1:{port}/", ca_file)


async def test_proxy() -> None:
    """Calls go through the proxy that is asked for."""
    seen: list[bytes] = []
    async with server(None, seen) as port:
        await ask("http://platform.test/", proxy=f"http://127.0.0.1:{port}")

    assert seen == [b"GET http://platform.test/ HTTP/1.1"]


async def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the environment decide nothing."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with server(None, []) as port:
        assert await ask(f"http://127.0.0.1:{port}/") == 200


async def test_no_cookies() -> None:
    """What a host wants to be kept and sent back is not."""
    sent: list[str | None] = []

    def host(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "route=a; Path=/"})

    network = httpx.MockTransport(host)
    async with httpx.AsyncClient(transport=network, cookies=no_cookies()) as client:
        for _ in range(2):
            await client.get("https://platform/")

    assert sent == [None, None]
