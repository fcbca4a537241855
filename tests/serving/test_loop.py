"""The loop's patience with those who never speak TLS."""

import asyncio
import ssl

from app.serving.loop import ServerLoop


class Hasty(ServerLoop):
    """Waits for a moment only."""

    handshake_s = 0.01


def test_handshake() -> None:
    """Who connects to TLS and says nothing is let go of, after seconds."""

    async def silent() -> bytes:
        loop = asyncio.get_running_loop()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        async with await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=tls) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            said = await reader.read()
            writer.close()
        return said

    with asyncio.Runner(loop_factory=Hasty) as runner:
        assert runner.run(silent()) == b""
    assert ServerLoop.handshake_s == 5


def test_plain_listener() -> None:
    """Without TLS there is no handshake to wait for."""

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        (await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)).close()

    with asyncio.Runner(loop_factory=ServerLoop) as runner:
        runner.run(listen())
