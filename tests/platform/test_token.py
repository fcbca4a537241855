"""Rules of keeping one token per account."""

import asyncio
from collections.abc import Callable, Sequence

import anyio
import pytest

from app.errors import (
    UpstreamAuthFailedError,
    UpstreamError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from app.platform.events import Event, TokenRefreshed, TokenRefreshFailed
from app.platform.grant import Grant
from app.platform.token import Tokens
from tests.support.platform import FakeTime


class Endpoint:
    """Issues tokens that live 1,000 s; fails while `down`, waits while `gate` is cleared."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = False
        self.failure: UpstreamError = UpstreamUnavailableError("Down.", account="eu2")
        self.rotated_now = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self) -> Grant:
        """Return the next token."""
        self.asked += 1
        await self.gate.wait()
        if self.down:
            raise self.failure
        return Grant(f"secret-{self.asked}", 1000.0)

    def rotated(self) -> bool:
        """Say whether a new secret is there."""
        return self.rotated_now


class Timers:
    """Calls that wait for their time, which the test lets come."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Timer]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> "Timer":
        """Note a call to be made after so many seconds."""
        timer = Timer(self, call)
        self.waiting.append((seconds, timer))
        return timer

    async def fire(self) -> float:
        """Make the one call that waits, and return after how long; there is no other."""
        [(seconds, timer)] = self.waiting
        self.waiting.clear()
        timer.call()
        await anyio.wait_all_tasks_blocked()
        return round(seconds, 6)


class Timer:
    """One call that waits."""

    def __init__(self, timers: Timers, call: Callable[[], None]) -> None:
        self.timers = timers
        self.call = call

    def cancel(self) -> None:
        """Let it never be made."""
        self.timers.waiting = [each for each in self.timers.waiting if each[1] is not self]


class Keeping:
    """Tokens with all that surrounds them."""

    def __init__(self, rand: Callable[[], float] = lambda: 0.5) -> None:
        self.endpoint = Endpoint()
        self.time = FakeTime()
        self.told: list[Event] = []
        self.timers = Timers()
        self.tokens = Tokens(
            self.endpoint,
            account="eu2",
            monotonic=self.time.monotonic,
            rand=rand,
            listen=self.told.append,
            later=self.timers,
        )

    async def generation_at(self, seconds: float) -> int:
        """Use a token at a time, let what it started finish, and say which it was."""
        self.time.now = seconds
        token = await self.tokens.current()
        await anyio.wait_all_tasks_blocked()
        return token.generation


async def test_one_request() -> None:
    """However many need a token at once, one is asked for."""
    keeping = Keeping()
    keeping.endpoint.gate.clear()
    async with asyncio.TaskGroup() as group:
        uses = [group.create_task(keeping.tokens.current()) for _ in range(50)]
        await anyio.wait_all_tasks_blocked()
        keeping.endpoint.gate.set()

    assert {use.result().bearer for use in uses} == {"secret-1"}
    assert keeping.endpoint.asked == 1
    assert keeping.told == [TokenRefreshed("eu2", 1, 1000.0)]


async def test_leaving_caller() -> None:
    """A caller that leaves takes the token from nobody."""
    keeping = Keeping()
    keeping.endpoint.gate.clear()
    first = asyncio.create_task(keeping.tokens.current())
    second = asyncio.create_task(keeping.tokens.current())
    await anyio.wait_all_tasks_blocked()
    first.cancel()
    await asyncio.wait({first})
    keeping.endpoint.gate.set()

    assert (await second).generation == 1
    assert first.cancelled()
    assert keeping.endpoint.asked == 1


@pytest.mark.parametrize(
    ("draw", "before", "after"),
    [pytest.param(0.0, 799, 800, id="earliest"), pytest.param(1.0, 879, 880, id="latest")],
)
async def test_renewed_behind(draw: float, before: float, after: float) -> None:
    """A token is renewed between 80 and 88 % of its life, while the old one still serves."""
    keeping = Keeping(lambda: draw)
    await keeping.generation_at(0)

    assert await keeping.generation_at(before) == 1
    assert keeping.endpoint.asked == 1
    assert await keeping.generation_at(after) == 1
    assert keeping.endpoint.asked == 2
    assert await keeping.generation_at(after) == 2


async def test_renewed_in_time() -> None:
    """A token that was used is renewed at its point though nobody asks; one that was not, is not.

    So the next call of a quiet time finds a token, and an idle service asks for nothing.
    """
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.time.now = 840
    assert await keeping.timers.fire() == 840.0
    assert keeping.endpoint.asked == 2

    keeping.time.now = 1680
    assert await keeping.timers.fire() == 840.0
    assert (keeping.endpoint.asked, keeping.timers.waiting) == (2, [])
    assert await keeping.generation_at(1690) == 2
    assert keeping.endpoint.asked == 3


async def test_renewal_that_fails_in_time() -> None:
    """A renewal by the timer that fails is tried again after 1, 2, 4 … s while the token serves."""
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.endpoint.down = True
    waits = []
    for at in (840, 841, 843, 847, 900):
        keeping.time.now = at
        waits.append(await keeping.timers.fire())

    assert waits == [840.0, 1.0, 2.0, 4.0, 8.0]
    assert (keeping.endpoint.asked, keeping.timers.waiting) == (5, [])


async def test_renewal_that_fails() -> None:
    """A renewal that fails is tried again after 1, 2, 4 … s of use, and harms no one meanwhile."""
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.endpoint.down = True
    times = [850, 850.5, 851, 852, 853, 855, 857]
    asked = []
    for at in times:
        assert await keeping.generation_at(at) == 1
        asked.append(keeping.endpoint.asked)

    assert asked == [2, 2, 3, 3, 4, 4, 5]
    assert keeping.told[1:] == 4 * [TokenRefreshFailed("eu2", "upstream-unavailable")]


async def test_back_off_ends() -> None:
    """A success ends the back-off: after the next failure it is a second again."""
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.endpoint.down = True
    for at in (850, 851, 853):
        await keeping.generation_at(at)
    keeping.endpoint.down = False
    await keeping.generation_at(857)
    keeping.endpoint.down = True
    for at in (857 + 850, 857 + 851):
        await keeping.generation_at(at)

    assert keeping.endpoint.asked == 7


@pytest.mark.parametrize("at", [pytest.param(900, id="margin"), pytest.param(5000, id="long ago")])
async def test_never_sent_when_expired(at: float) -> None:
    """A token in the last tenth of its life is not used; its successor is waited for."""
    keeping = Keeping()
    await keeping.generation_at(0)

    assert await keeping.generation_at(at) == 2


async def test_expired_and_no_other() -> None:
    """When the old token has expired, the failure to get another reaches every caller."""
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.endpoint.down = True
    keeping.time.now = 1000
    results = await asyncio.gather(
        keeping.tokens.current(), keeping.tokens.current(), return_exceptions=True
    )

    assert [type(result) for result in results] == 2 * [UpstreamUnavailableError]
    assert keeping.endpoint.asked == 2


async def failures(keeping: Keeping, times: Sequence[float]) -> list[tuple[int, float | None]]:
    """Fail to get a token at each time; return how often was asked by then, and `Retry-After`."""
    told = []
    for at in times:
        keeping.time.now = at
        with pytest.raises(type(keeping.endpoint.failure)) as caught:
            await keeping.tokens.current()
        told.append((keeping.endpoint.asked, caught.value.retry_after_s))
    return told


async def test_dead_endpoint() -> None:
    """While nobody gives a token it is asked for after 1, 2, 4 … s, not by every caller."""
    keeping = Keeping()
    keeping.endpoint.down = True

    assert await failures(keeping, [0, 0.5, 1, 2, 3, 4]) == [
        (1, 1.0),
        (1, 0.5),
        (2, 2.0),
        (2, 1.0),
        (3, 4.0),
        (3, 3.0),
    ]


async def test_endpoint_that_says_when() -> None:
    """A Retry-After of the token endpoint is obeyed when it is longer than the back-off."""
    keeping = Keeping()
    keeping.endpoint.down = True
    keeping.endpoint.failure = UpstreamThrottledError("Slow down.", retry_after_s=30)

    assert await failures(keeping, [0, 29]) == [(1, 30.0), (1, 1.0)]


async def test_endpoint_is_back() -> None:
    """The first request after the back-off that succeeds ends it for all."""
    keeping = Keeping()
    keeping.endpoint.down = True
    await failures(keeping, [0])
    keeping.endpoint.down = False

    assert await keeping.generation_at(1) == 1


@pytest.mark.parametrize(
    ("failure", "asked"),
    [
        pytest.param(UpstreamAuthFailedError("Refused."), 2, id="refused"),
        pytest.param(UpstreamUnavailableError("Down."), 1, id="down"),
    ],
)
async def test_new_secret_ends_the_back_off(failure: UpstreamError, asked: int) -> None:
    """A secret that replaced a refused one is tried at once; it doesn't mend an outage."""
    keeping = Keeping()
    keeping.endpoint.down = True
    keeping.endpoint.failure = failure
    await failures(keeping, [0])
    keeping.endpoint.rotated_now = True

    assert [count for count, _ in await failures(keeping, [0.5])] == [asked]


async def test_burst_of_refusals() -> None:
    """Many calls refused with one token cost one new token, early or late."""
    keeping = Keeping()
    refused = await keeping.tokens.current()
    async with asyncio.TaskGroup() as group:
        early = [group.create_task(keeping.tokens.instead_of(refused)) for _ in range(20)]
    late = await keeping.tokens.instead_of(refused)

    assert {use.result().generation for use in early} == {2}
    assert late.generation == 2
    assert keeping.endpoint.asked == 2


async def test_fresh_tokens_refused() -> None:
    """A platform that refuses fresh tokens too costs one in 5 s, not one for every call."""
    keeping = Keeping()
    second = await keeping.tokens.instead_of(await keeping.tokens.current())
    keeping.time.now = 4.9
    same = await keeping.tokens.instead_of(second)
    keeping.time.now = 5.0
    third = await keeping.tokens.instead_of(second)

    assert (same, third.generation) == (second, 3)


async def test_close_ends_a_renewal() -> None:
    """Closing leaves no task behind."""
    keeping = Keeping()
    await keeping.generation_at(0)
    keeping.endpoint.gate.clear()
    await keeping.generation_at(850)
    before = len(asyncio.all_tasks())
    await keeping.tokens.aclose()

    assert len(asyncio.all_tasks()) == before - 1


async def test_close_without_a_renewal() -> None:
    """Closing when nothing runs is fine, twice too."""
    keeping = Keeping()
    await keeping.tokens.aclose()
    await keeping.tokens.aclose()

    assert keeping.endpoint.asked == 0


async def test_close_ends_the_timer() -> None:
    """Closing takes back what waits for its time, and nothing waits after it."""
    keeping = Keeping()
    await keeping.generation_at(0)
    await keeping.tokens.aclose()

    assert keeping.timers.waiting == []


async def test_one_timer() -> None:
    """However a token came to be replaced, one renewal waits."""
    keeping = Keeping()
    await keeping.tokens.instead_of(await keeping.tokens.current())
    await keeping.generation_at(850)

    assert len(keeping.timers.waiting) == 1


async def test_repr() -> None:
    """A token never prints itself."""
    token = await Keeping().tokens.current()

    assert "secret" not in repr(token)
