"""Consumers' buckets in Valkey: one script fills and empties them, by the server's own clock."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from valkey.asyncio import Valkey
from valkey.exceptions import NoScriptError, ValkeyError

from app.api.limits import Rated

ANSWER_S: Final = 0.5  # for one exchange, connecting included
KEY: Final = "taskgate:rate:"
# Each replica may have let a burst through that the others did not know of yet; nobody runs more.
_DEBT_BURSTS_MAX: Final = 100
_NOBODY: Final = Rated("_", 1.0)  # no consumer's name; full, so nothing of it stays

# A bucket for each key, by the server's own clock. It is gone once it would be full. Arguments:
# rate, burst and what was taken, for each. What is taken counts although nothing was left. A key of
# another type, or one that says nonsense, is begun anew: the others' takes don't end at it.
_SCRIPT: Final = (
    f"local debt_max = {_DEBT_BURSTS_MAX}"
    """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local left = {}
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local kept = redis.pcall('HMGET', key, 'level', 'at')
  if kept.err then
    if not string.find(kept.err, '^WRONGTYPE') then return kept end
    redis.call('DEL', key)
    kept = {}
  end
  local level, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
  level = level + math.max(0, now - at) * rate
  if level ~= level then level = burst end -- NaN
  level = math.max(-debt_max * burst, math.min(burst, level) - ARGV[3 * i])
  left[i] = string.format('%.6f', level)
  redis.call('HSET', key, 'level', left[i], 'at', string.format('%.6f', now))
  redis.call('PEXPIRE', key, math.ceil((burst - level) / rate * 1000))
end
return left
"""
)
_SHA1: Final = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Buckets:
    """The buckets that Valkey holds; certificates are verified against the system's authorities."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._opened = url()
        self._client = _open(self._opened)

    @property
    def host(self) -> str:
        """What may be told of the URL: neither user nor password."""
        return urlsplit(self._opened).netloc.rpartition("@")[2]

    async def look_again(self) -> None:
        """Take up another URL, if there is one by now; it raises what asking for it raises."""
        url = self._url()
        if url != self._opened:
            await self.aclose()
            self._opened, self._client = url, _open(url)

    async def probe(self) -> None:
        """Do for nobody what `take` does: who only reads, is full or bars us fails it, too.

        Raises:
            Exception: as `take`.
        """
        await self.take({_NOBODY: 0})

    async def take(self, taken: Mapping[Rated, int]) -> list[float]:
        """Take so many from each bucket, once, and return what is left, debts below zero.

        Raises:
            Exception: it failed, maybe after it was done, or took longer than `ANSWER_S`. The next
                one gets a new connection: where it leads there may be another server by then.
        """
        try:
            return await self._take(taken)
        except Exception:
            await self.aclose()
            raise

    async def _take(self, taken: Mapping[Rated, int]) -> list[float]:
        arguments = [str(len(taken)), *(KEY + rated.name for rated in taken)]
        for rated, times in taken.items():
            arguments += [str(rated.rate), str(rated.burst), str(times)]
        async with asyncio.timeout(ANSWER_S):
            found = await self._run(arguments)
        return [
            max(-_DEBT_BURSTS_MAX * rated.burst, float(left))
            for rated, left in zip(taken, found, strict=True)
        ]

    async def _run(self, arguments: list[str]) -> Any:
        # The types of the library's asynchronous half are those of both halves at once.
        asked: Any = self._client.evalsha(_SHA1, *arguments)  # type: ignore[arg-type]
        try:
            return await asked
        except NoScriptError:
            # So it did not run. Its text runs it, and leaves it there.
            asked = self._client.eval(_SCRIPT, *arguments)  # type: ignore[arg-type]
            return await asked

    async def aclose(self) -> None:
        """Close the connection."""
        with suppress(ValkeyError, OSError):
            await self._client.aclose()


def _open(url: str) -> Valkey:
    # Left out, the name in a certificate is not compared.
    tls = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
    client: Valkey = Valkey.from_url(
        url,
        max_connections=1,
        socket_timeout=None,  # the one bound is around the whole exchange
        socket_connect_timeout=ANSWER_S,
        socket_keepalive=True,
        lib_name=None,
        lib_version=None,
        **tls,
    )
    return client
