"""The fault proxy does to a connection what each fault says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.faults import Fault, FaultProxy

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"items": []}'
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


@asynccontextmanager
async def proxied(fault: Fault, *, delay_s: float = 0.0) -> AsyncIterator[FaultProxy]:
    """Put the proxy before a server that answers each request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.readline():
                await reader.readline()
                writer.write(ANSWER)
                await writer.drain()
        writer.close()
        served.set()

    served = asyncio.Event()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        proxy = FaultProxy(server.sockets[0].getsockname()[1], delay_s=delay_s)
        async with proxy.running():
            proxy.fault = fault
            yield proxy
        if fault is not Fault.REFUSE:
            await served.wait()
        for _ in range(10):  # until the loop has seen every socket's end
            await asyncio.sleep(0)


async def asked(proxy: FaultProxy, *, wait_s: float = 2.0) -> bytes:
    """Send one request; return what comes until the end, an error's name, or `silence`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(REQUEST)
        async with asyncio.timeout(wait_s):
            return await reader.readexactly(len(ANSWER))
    except asyncio.IncompleteReadError as error:
        return error.partial
    except ConnectionError:
        return b"reset"
    except TimeoutError:
        return b"silence"
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Fault.NONE, ANSWER),
        (Fault.LATENCY, ANSWER),
        (Fault.DRIP, ANSWER),
        (Fault.RESET, b"reset"),
        (Fault.HALF_CLOSE, b""),
        (Fault.TRUNCATE, ANSWER[:40]),
        (Fault.GARBAGE, bytes(range(255, 127, -1))[: len(ANSWER)]),
    ],
    ids=lambda value: value if isinstance(value, Fault) else "",
)
async def test_faults(fault: Fault, found: bytes) -> None:
    """Each fault harms the answer in its own way."""
    async with proxied(fault) as proxy:
        assert await asked(proxy) == found


async def test_refused() -> None:
    """A refused connection ends without a byte."""
    async with proxied(Fault.REFUSE) as proxy:
        assert await asked(proxy) in {b"", b"reset"}


async def test_hang() -> None:
    """A hanging platform takes the request and says nothing; ending the proxy ends it."""
    async with proxied(Fault.HANG) as proxy:
        assert await asked(proxy, wait_s=0.05) == b"silence"


async def test_slow() -> None:
    """What is delayed comes that much later."""
    async with proxied(Fault.LATENCY, delay_s=0.03) as proxy:
        began = asyncio.get_running_loop().time()
        await asked(proxy)

        assert asyncio.get_running_loop().time() - began >= 0.03


async def test_changed_on_the_way() -> None:
    """A fault binds connections that are open already, and leaves the next in peace."""
    async with proxied(Fault.NONE) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(REQUEST)
        await reader.readexactly(len(ANSWER))
        proxy.fault = Fault.REFUSE
        writer.write(REQUEST)
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        writer.close()
        proxy.fault = Fault.NONE

        assert await asked(proxy) == ANSWER
        assert proxy.connections == 2


async def test_leaving_client() -> None:
    """A client that leaves ends its connection, and no task stays behind."""
    before = asyncio.all_tasks()
    async with proxied(Fault.NONE) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.close()
        await asked(proxy)

    assert asyncio.all_tasks() == before
