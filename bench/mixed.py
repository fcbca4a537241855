"""An open-loop load: 300 hits a second, whatever becomes of them, beside 5 cold pages a second.

Run as `python bench/mixed.py HIT_URL COLD_URL AUTHORIZATION`, where `{}` in the second is a number
that differs each time; prints the 99th percentile of the hits in milliseconds, from when each was
due.
"""

import asyncio
import statistics
import sys
from time import perf_counter
from urllib.parse import urlsplit

HITS_PER_S, COLD_PER_S, SECONDS = 300, 5, 4


class Client:
    """Connections that are kept, as many as are needed at once."""

    def __init__(self, url: str, authorization: str) -> None:
        self._url = urlsplit(url)
        self._rest = f"Host: {self._url.hostname}\r\nAuthorization: {authorization}\r\n\r\n"
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, target: str) -> None:
        """Read a whole answer, which must be 200."""
        host, port = self._url.hostname, self._url.port
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection(host, port)
        )
        writer.write(f"GET {target} HTTP/1.1\r\n{self._rest}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head)
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        self._free.append((reader, writer))


async def main(hit: str, cold: str, authorization: str) -> None:
    clients = Client(hit, authorization), Client(cold, authorization)
    taken: list[float] = []
    begin = perf_counter() + 0.1

    async def one(due: float, target: str) -> None:
        await clients[0].get(target)
        taken.append(perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for number in range(HITS_PER_S * SECONDS):
            due = begin + number / HITS_PER_S
            await asyncio.sleep(max(0.0, due - perf_counter()))
            group.create_task(one(due, _target(hit)))
            if number % (HITS_PER_S // COLD_PER_S) == 0:
                group.create_task(clients[1].get(_target(cold.format(number))))
    print(statistics.quantiles(taken, n=100)[98] * 1000)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
