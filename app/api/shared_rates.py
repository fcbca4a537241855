"""A consumer's rate over all replicas: what is taken here is told to Valkey, behind everybody."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from valkey.asyncio import Valkey
from valkey.exceptions import NoScriptError, ValkeyError

from app.api.limits import Rated

ANSWER_S: Final = 0.5  # for one exchange, connecting included
QUIET_S: Final = 2.0
QUIET_MAX_S: Final = 16.0
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

_log = structlog.get_logger()


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


class SharedRates:
    """Tells Valkey what is taken, and `learn` what is left over all replicas.

    One task, one exchange at a time: what is taken meanwhile goes with the next. Where one fails,
    what it told is not told again, for it may have been done, and nothing is asked for a while:
    the process goes on alone. `answered` hears of each exchange whether it succeeded.
    """

    def __init__(
        self,
        buckets: Buckets,
        *,
        answered: Callable[[bool], None],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._buckets = buckets
        self._answered = answered
        self._sleep = sleep
        self._taken = Counter[Rated]()
        self._wanted = asyncio.Event()
        self._connected: bool | None = None

    def note(self, rated: Rated) -> None:
        """Have it told that one request was let through; costs no waiting."""
        self._taken[rated] += 1
        self._wanted.set()

    @asynccontextmanager
    async def running(self, learn: Callable[[Rated, float], None]) -> AsyncIterator[None]:
        """Tell and learn meanwhile; the first exchange, for nobody, says whether it works."""
        task = asyncio.create_task(self._run(learn))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._buckets.aclose()

    async def _run(self, learn: Callable[[Rated, float], None]) -> None:
        quiet_s = QUIET_S
        while True:
            try:
                await self._exchange(learn)
            except Exception as exc:  # noqa: BLE001  # whatever a server does, rates go on here
                self._move(connected=False, reason=type(exc).__name__)
                await self._sleep(quiet_s)
                quiet_s = min(2 * quiet_s, QUIET_MAX_S)
                self._taken.clear()
                continue
            self._move(connected=True)
            quiet_s = QUIET_S
            await self._wanted.wait()

    async def _exchange(self, learn: Callable[[Rated, float], None]) -> None:
        taken, self._taken = self._taken, Counter[Rated]()
        self._wanted.clear()
        if not self._connected:
            await self._buckets.look_again()
        if not taken:
            await self._buckets.probe()
            return
        left = await self._buckets.take(taken)
        for rated, level in zip(taken, left, strict=True):
            learn(rated, level - self._taken[rated])

    def _move(self, *, connected: bool, reason: str | None = None) -> None:
        self._answered(connected)
        if connected is self._connected:
            return
        self._connected = connected
        with suppress(OSError):  # a log that is full must not end the sharing
            if connected:
                _log.info("valkey_connected", host=self._buckets.host)
            else:
                _log.warning("valkey_lost", host=self._buckets.host, reason=reason)


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
