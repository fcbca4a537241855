"""A consumer's rate over all replicas, by way of a real Valkey."""

import asyncio
import errno
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx
import pytest
import structlog
import trustme
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.api.limits import Limiter, Rated
from app.api.shared_buckets import ANSWER_S, KEY, Buckets
from app.api.shared_rates import QUIET_MAX_S, QUIET_S, SharedRates
from app.errors import RateLimitedError
from app.service.scope import EVERYTHING, Consumer
from tests.support.consumers import bearer, required
from tests.support.platform import FakeTime
from tests.support.serving import idle, serving
from tests.support.upstream import FakeUpstream
from tests.support.valkey import Server

CANARY = "canary-3d9f"
# So slow that the server's own clock, which no test can turn, adds nothing that counts.
SLOW = 0.001


def one(name: str = "bi", rate: float = SLOW) -> Consumer:
    """Return a consumer with this rate."""
    return Consumer(name=name, scope=EVERYTHING, rate=rate, admin=False)


class Replica:
    """A process of the service, as far as rates go; `open` lets it ask again after a failure."""

    def __init__(self, url: str | Callable[[], str], time: FakeTime) -> None:
        self.answers = asyncio.Queue[bool]()
        self.quiet: list[float] = []
        self.open = asyncio.Event()
        shared = SharedRates(
            Buckets(url if callable(url) else lambda: url),
            answered=self.answers.put_nowait,
            sleep=self._sleep,
        )
        self.limiter = Limiter(monotonic=time.monotonic, taken=shared.note)
        self.learnt: list[float] = []
        self._running: AbstractAsyncContextManager[None] = shared.running(self._learn)

    async def __aenter__(self) -> Self:
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._running.__aexit__(kind, raised, traceback)

    def _learn(self, rated: Rated, level: float) -> None:
        self.learnt.append(level)
        self.limiter.learn(rated, level)

    async def _sleep(self, seconds: float) -> None:
        self.quiet.append(seconds)
        await self.open.wait()
        self.open.clear()

    async def answered(self) -> bool:
        """Wait for the end of the next exchange; say whether it succeeded."""
        return await asyncio.wait_for(self.answers.get(), 20 * ANSWER_S)

    async def take(self, *consumers: Consumer) -> bool:
        """Take one for each at once, and wait until Valkey heard of it."""
        for each in consumers:
            self.limiter.take(each)
        return await self.answered()

    def left(self, consumer: Consumer) -> str:
        """Return what a caller is told to have left."""
        return self.limiter.headers(consumer)[0][1].decode()


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with closing(Server()) as server:
        yield server


@pytest.fixture
def server(_server: Server) -> Server:
    """An empty server."""
    _server.clear()
    return _server


@pytest.fixture
def own() -> Iterator[Server]:
    """A server for this test alone, which may stop it or lock it."""
    with closing(Server()) as server:
        yield server


async def test_shared(server: Server, time: FakeTime) -> None:
    """Two replicas take from one bucket: who hears of the other's takes has so much less."""
    ten = one(rate=10)
    async with Replica(server.url, time) as first, Replica(server.url, time) as second:
        assert (await first.answered(), await second.answered()) == (True, True)
        began_s = server.now_s()
        await first.take(*[ten] * 6)
        before = second.left(ten)
        await second.take(ten)
        came_back = 10 * (server.now_s() - began_s)

    assert before == '"default";r=10;t=0'
    assert first.left(ten) == '"default";r=4;t=1'
    # Alone it would be nine; three, and what came back since by the server's clock.
    (left,) = second.learnt
    assert 3 <= left <= 3 + came_back
    assert second.left(ten) == f'"default";r={int(left)};t=1'


async def test_debt(server: Server, time: FakeTime) -> None:
    """What replicas let through at the same time is repaid: both wait until it is."""
    async with Replica(server.url, time) as first, Replica(server.url, time) as second:
        await first.answered(), await second.answered()
        await first.take(one())
        await second.take(one())
        in_debt = server.level("bi")
        time.now += 1 / SLOW
        with pytest.raises(RateLimitedError) as refused:
            second.limiter.take(one())
        told = second.left(one())
        time.now += 1 / SLOW
        await second.take(one())

    assert in_debt == pytest.approx(-1, abs=0.01)
    assert refused.value.retry_after_s == pytest.approx(1 / SLOW, abs=10)
    assert told.startswith('"default";r=0;')


async def test_long_run(server: Server, time: FakeTime) -> None:
    """Three greedy replicas let through what one bucket gives, and their first bursts."""
    async with (
        Replica(server.url, time) as a,
        Replica(server.url, time) as b,
        Replica(server.url, time) as c,
    ):
        taken, steps = 0, 60
        for each in (a, b, c) * (steps // 3):
            time.now += 0.3 / SLOW
            server.age("bi", 0.3 / SLOW)
            with suppress(RateLimitedError):
                await each.take(one())
                taken += 1

    assert 0.3 * steps - 3 <= taken <= 0.3 * steps + 3


async def test_batch(server: Server, time: FakeTime) -> None:
    """What is taken while an exchange is under way is one exchange more, whoever took it."""
    async with Replica(server.url, time) as replica:
        await replica.answered()
        for _ in range(100):
            replica.limiter.take(one())
            time.now += 1 / SLOW
        await replica.take(one("shop"))
        runs = server.scripts_run()

    # The first was for nobody, and found no script.
    assert runs == 2 + 1
    assert (server.level("bi"), server.level("shop")) == (-99, 0)


async def test_meanwhile(server: Server, time: FakeTime) -> None:
    """What was taken since Valkey was asked is not in its answer, and counts all the same."""
    async with Replica(server.url, time) as replica, Replica(server.url, time) as other:
        assert (await replica.answered(), await other.answered()) == (True, True)
        await other.take(one())
        with server.hanging():
            replica.limiter.take(one())
            await idle()
            time.now += 1 / SLOW
            replica.limiter.take(one())
        assert (await replica.answered(), await replica.answered()) == (True, True)

    assert replica.learnt == pytest.approx([-2, -2], abs=0.01)


async def test_expires(server: Server, time: FakeTime) -> None:
    """A bucket is gone from Valkey once it would be full; its key names the consumer alone."""
    async with Replica(server.url, time) as replica:
        await replica.answered()
        await replica.take(one())
    with server.asked() as client:
        keys, left_ms = client.keys(), client.pttl(f"{KEY}bi")

    assert keys == ["taskgate:rate:bi"]
    assert left_ms == pytest.approx(1000 / SLOW, rel=0.01)


@pytest.mark.parametrize("ahead_s", [-100, 0, 10_000], ids=["behind", "same", "ahead"])
async def test_clock_of_valkey(server: Server, time: FakeTime, ahead_s: float) -> None:
    """A clock of the server that was put back gives nothing and keeps nobody waiting."""
    async with Replica(server.url, time) as replica:
        await replica.answered()
        await replica.take(one())
        server.age("bi", -ahead_s)
        time.now += 1 / SLOW
        await replica.take(one())

    assert server.level("bi") == pytest.approx(-1 + max(0, -ahead_s) * SLOW, abs=0.01)


@pytest.mark.parametrize("lost", ["keys", "scripts", "all"])
async def test_flushed(server: Server, time: FakeTime, lost: str) -> None:
    """A Valkey that forgot all gives nobody more than a process alone would."""
    async with Replica(server.url, time) as replica:
        await replica.answered()
        await replica.take(one())
        time.now += 0.5 / SLOW
        if lost == "all":
            server.clear()
        with server.asked() as client:
            client.flushall() if lost == "keys" else client.script_flush()
        with pytest.raises(RateLimitedError):
            replica.limiter.take(one())
        time.now += 0.5 / SLOW

        assert await replica.take(one())
        with pytest.raises(RateLimitedError):
            replica.limiter.take(one())


async def test_dead_at_start(own: Server, time: FakeTime) -> None:
    """Without Valkey each goes on alone; it is asked again, ever more seldom, and told once."""
    own.stop()
    with capture_logs() as lines:
        async with Replica(own.url, time) as replica:
            for number in range(5):
                assert not await replica.answered()
                if number == 4:
                    own.start()
                replica.limiter.take(one(f"c{number}"))
                replica.open.set()
            assert await replica.answered()
            assert await replica.take(one())

    assert replica.quiet == [QUIET_S, 4, 8, QUIET_MAX_S, QUIET_MAX_S]
    told = [(line["event"], line["log_level"], line["host"]) for line in lines]
    host = own.url.removeprefix("redis://")
    assert told == [("valkey_lost", "warning", host), ("valkey_connected", "info", host)]
    assert lines[0]["reason"] == "ConnectionError"
    # What was taken in between is not made up for.
    assert own.names() == {"bi"}


async def test_dies(own: Server, time: FakeTime) -> None:
    """Where it dies, what was taken counts here; each time it is asked again as soon."""
    async with Replica(own.url, time) as replica:
        await replica.answered()
        for name in ("bi", "shop"):
            own.stop()
            assert not await replica.take(one(name))
            own.start()
            with pytest.raises(RateLimitedError):
                replica.limiter.take(one(name))
            replica.open.set()
            assert await replica.answered()

    assert replica.quiet == [QUIET_S, QUIET_S]
    assert own.names() == set()


async def test_hangs(own: Server, time: FakeTime) -> None:
    """What one that hung was told, it may do after all: it is not told twice."""
    async with Replica(own.url, time) as replica:
        await replica.answered()
        with own.hanging():
            assert not await replica.take(one())
        with pytest.raises(RateLimitedError):
            replica.limiter.take(one())
        replica.open.set()

        assert await replica.answered()
    assert own.level("bi") == 0


async def test_restarted(own: Server, time: FakeTime) -> None:
    """A server that was restarted between two takes is no failure: another connection is made."""
    async with Replica(own.url, time) as replica:
        await replica.answered()
        own.stop()
        own.start()
        await idle()

        assert await replica.take(one())


async def test_password(own: Server, time: FakeTime, tmp_path: Path) -> None:
    """A wrong password is told without it; a file that brings another needs no restart."""
    with own.asked() as client:
        client.config_set("requirepass", CANARY)
    file = tmp_path / "url"
    file.write_text(own.url.replace("//", f"//:{CANARY}-wrong@"))
    with capture_logs() as lines:
        async with Replica(file.read_text, time) as replica:
            told = [await replica.answered()]
            file.unlink()
            replica.open.set()
            told.append(await replica.answered())
            file.write_text(own.url.replace("//", f"//:{CANARY}@"))
            replica.open.set()
            told.append(await replica.answered())

    assert told == [False, False, True]
    assert lines[0]["reason"] == "AuthenticationError"
    assert CANARY not in str(lines)


REFUSALS = {
    "read-only": ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
    "full": ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    "barred": ("ACL SETUSER default resetkeys ~other:*", "ACL SETUSER default allkeys"),
}


@pytest.mark.parametrize(("refuse", "allow"), REFUSALS.values(), ids=REFUSALS)
async def test_refuses(own: Server, time: FakeTime, refuse: str, allow: str) -> None:
    """One that answers and takes nothing is lost until it does: told once, asked ever less."""
    with capture_logs() as lines:
        async with Replica(own.url, time) as replica:
            await replica.answered()
            own.tell(refuse)
            told = [await replica.take(one())]
            for _ in range(2):
                replica.open.set()
                told.append(await replica.answered())
            own.tell(allow)
            replica.open.set()
            told.append(await replica.answered())

    assert told == [False, False, False, True]
    assert replica.quiet == [QUIET_S, 4, 8]
    assert [line["event"] for line in lines] == [
        "valkey_connected",
        "valkey_lost",
        "valkey_connected",
    ]


async def test_failed_over(own: Server, server: Server, time: FakeTime) -> None:
    """A primary that lives on as a replica is left: a new connection leads to the new one."""
    ports = [own.port]
    async with (
        forwarding(lambda: ports[-1]) as port,
        Replica(f"redis://127.0.0.1:{port}", time) as replica,
    ):
        await replica.answered()
        own.tell(f"REPLICAOF 127.0.0.1 {server.port}")
        ports.append(server.port)
        told = [await replica.take(one())]
        replica.open.set()
        told += [await replica.answered(), await replica.take(one("shop"))]

    assert told == [False, True, True]
    assert server.names() == {"shop"}


async def test_probe(server: Server, time: FakeTime) -> None:
    """The first exchange writes like every other, and leaves nothing."""
    async with Replica(server.url, time) as replica:
        assert await replica.answered()
        runs = server.scripts_run()

    assert runs == 2  # the first found no script
    assert server.names() == set()


async def test_full_log(own: Server, time: FakeTime) -> None:
    """A log that can't be written when Valkey is lost or found ends nothing."""

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with capture_logs() as lines:
        structlog.get_config()["processors"].insert(0, full)
        async with Replica(own.url, time) as replica:
            told = [await replica.answered()]
            own.stop()
            told.append(await replica.take(one()))
            own.start()
            replica.open.set()
            told += [await replica.answered(), await replica.take(one("shop"))]

    assert told == [True, False, True, True]
    assert lines == []


async def test_debt_is_bounded(server: Server) -> None:
    """What was taken at a rate that is lowered since is repaid in a hundred bursts of the new."""
    buckets = Buckets(lambda: server.url)
    await buckets.take({Rated("bi", 1000.0): 101_000})
    left = await buckets.take({Rated("bi", 1.0): 1})
    await buckets.aclose()
    with server.asked() as client:
        expires_s: Any = client.ttl(f"{KEY}bi")

    assert left == [-100]
    assert server.level("bi") == -100
    assert expires_s <= 101


SPOILT = {
    "another type": ("SET {} x", 0),
    "no number": ("HSET {} level x at x", 0),
    "NaN": ("HSET {} level nan", 0),
    "endless debt": ("HSET {} level -inf", -100),
    "endless debt for ever": ("HSET {} level -inf at -inf", 0),
    "large debt": ("HSET {} level -1e18", -100),
    "large level": ("HSET {} level 1e300", 0),
    "at no time": ("HSET {} level 0.5 at nan", -0.5),
    "far ahead": ("HSET {} level 0.5 at 99999999999999", -0.5),
}


@pytest.mark.parametrize(("spoil", "level"), SPOILT.values(), ids=SPOILT)
async def test_spoilt_key(server: Server, time: FakeTime, spoil: str, level: float) -> None:
    """A key that nobody of us wrote is begun anew, and is no other consumer's matter."""
    server.tell(spoil.format(f"{KEY}bad"))
    async with Replica(server.url, time) as replica:
        await replica.answered()
        assert await replica.take(one("good"), one("bad"), one("better"))
    with server.asked() as client:
        expires_ms: Any = client.pttl(f"{KEY}bad")

    assert server.level("bad") == level
    assert (server.level("good"), server.level("better")) == (0, 0)
    assert 0 < expires_ms <= 101_000 / SLOW


async def test_few_rights(own: Server, time: FakeTime) -> None:
    """The rights that the operators' page names are enough, also to mend a key."""
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    (rights,) = re.findall(r"`ACL SETUSER taskgate on >PASSWORD (.*?)`", page)
    with own.asked() as client:
        rule = ["ACL", "SETUSER", "taskgate", "on", f">{CANARY}", *rights.split()]
        client.execute_command(*rule)  # type: ignore[no-untyped-call]
        client.set(f"{KEY}bi", "x")
    async with Replica(own.url.replace("//", f"//taskgate:{CANARY}@"), time) as replica:
        assert await replica.answered()
        assert await replica.take(one())


NONSENSE = {
    "endless debt": b"*1\r\n$4\r\n-inf\r\n",
    "no number": b"*1\r\n$3\r\nnan\r\n",
    "too much": b"*1\r\n$4\r\n1e99\r\n",
    "too few": b"*0\r\n",
    "null": b"*1\r\n$-1\r\n",
    "nothing": b"$-1\r\n",
    "deep": b"*1\r\n" * 2000,
    "no Valkey": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("says", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense(time: FakeTime, says: bytes) -> None:
    """Whatever comes back, a process lets through no more than alone, and some time something."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = b"*1\r\n$1\r\n1\r\n"  # to the first question, which is for nobody
        while await reader.read(10_000):
            writer.write(said)
            said = says
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Replica(f"redis://127.0.0.1:{port}", time) as replica:
            assert await replica.answered()
            await replica.take(one())
            with pytest.raises(RateLimitedError) as refused:
                replica.limiter.take(one())

    assert 1 / SLOW <= (refused.value.retry_after_s or 0) <= 101 / SLOW


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that the system knows."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


@pytest.mark.parametrize(
    ("name", "known", "works"),
    [("127.0.0.1", True, True), ("other.example", True, False), ("127.0.0.1", False, False)],
    ids=["right", "another's", "unknown authority"],
)
async def test_tls(
    server: Server,
    authority: trustme.CA,
    *,
    name: str,
    known: bool,
    works: bool,
) -> None:
    """By `rediss` the certificate must be of a known authority and of that host."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (authority if known else trustme.CA()).issue_cert(name).configure_cert(tls)
    async with (
        forwarding(lambda: server.port, tls) as port,
        Replica(f"rediss://127.0.0.1:{port}", FakeTime()) as replica,
    ):
        assert await replica.answered() is works


@asynccontextmanager
async def forwarding(
    target: Callable[[], int], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Lead each connection, maybe by TLS, to the port that is the target by then; return where."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(10_000):
                writer.write(some)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, out = await asyncio.open_connection("127.0.0.1", target())
        await asyncio.gather(pipe(reader, out), pipe(inside, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def test_whole_service(server: Server, time: FakeTime) -> None:
    """Set by its variable alone, two services share a rate; hits cost nothing anywhere."""
    changes = required(bi={"rate": f"{SLOW}/s"}) | {"valkey_url": SecretStr(server.url)}
    platforms = {"eu2": FakeUpstream(clock=time.clock)}
    async with (
        serving(platforms, time, **changes) as first,
        serving(platforms, time, **changes) as second,
    ):
        await connected(first)
        await connected(second)
        for _ in range(5):
            assert (await first.get("/v1/tasks", headers=bearer("bi"))).status_code == 200
        await until(lambda: server.level("bi") is not None)

    assert server.level("bi") == 0


async def test_nobody_waits(own: Server, time: FakeTime) -> None:
    """While Valkey hangs a cold question takes no longer than ever: it waits for nothing."""
    changes = required(bi={}) | {"valkey_url": SecretStr(own.url)}
    plain = bearer("bi") | {"Accept-Encoding": "identity"}  # a coding is another thread's work
    with own.hanging():
        async with serving({"eu2": FakeUpstream(clock=time.clock)}, time, **changes) as client:
            asking = asyncio.create_task(client.get("/v1/tasks", headers=plain))
            await idle()
            assert asking.done()

    assert asking.result().status_code == 200


async def connected(service: httpx.AsyncClient) -> None:
    """Return when it says that Valkey answers."""
    async with asyncio.timeout(20 * ANSWER_S):
        mark = 'valkey_connected{part="rates"} 1.0'
        while mark not in (await service.get("/metrics")).text:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Let others work until it holds."""
    async with asyncio.timeout(20 * ANSWER_S):
        while not holds():  # noqa: ASYNC110  # what it waits for is another process
            await asyncio.sleep(0)
