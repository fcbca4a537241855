"""Rules of leaving a failing platform alone."""

import asyncio
from collections.abc import Sequence
from itertools import cycle, islice

import httpx
import pytest

from app.errors import UpstreamInvalidResponseError, UpstreamUnavailableError
from app.platform.attempt import extensions
from app.platform.breaker import Breaker
from app.platform.events import BreakerMoved, Endpoint, Event
from tests.support.platform import FakeTime

OK = httpx.Response(200, content=b"{}")
Step = httpx.Response | BaseException


class Platform:
    """Answers as it is told; counts."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.told: list[Event] = []
        self.asked = 0
        self.step: Step = OK
        self.gate: asyncio.Event | None = None
        self.breaker = Breaker(
            httpx.MockTransport(self),
            account="eu2",
            monotonic=self.time.monotonic,
            listen=self.told.append,
        )

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        """Answer, when the gate opens."""
        self.asked += 1
        step = self.step
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(step, BaseException):
            raise step
        return step

    async def ask(
        self, step: Step | int = OK, *, endpoint: Endpoint = "tasks", deadline: float = 1e9
    ) -> str:
        """Make a call that ends with `step`; return how it ended."""
        self.step = httpx.Response(step, content=b"{}") if isinstance(step, int) else step
        facts = extensions(endpoint, deadline=deadline)
        request = httpx.Request("GET", "https://platform/", extensions=facts)
        try:
            return str((await self.breaker.handle_async_request(request)).status_code)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - to be compared
            return type(error).__name__

    async def broken(self) -> "Platform":
        """Fail until the circuit opens."""
        for _ in range(5):
            await self.ask(500)
        self.asked = 0
        self.told.clear()
        return self

    def states(self) -> list[str]:
        """Return the states it moved to."""
        return [event.state for event in self.told if isinstance(event, BreakerMoved)]


@pytest.mark.parametrize(
    "failure",
    [
        500,
        503,
        httpx.Response(200, content=b"<html>"),
        302,
        403,
        404,
        httpx.ConnectError(""),
        httpx.ReadTimeout(""),
        UpstreamInvalidResponseError("Cut."),
    ],
    ids=lambda step: f"{step!r}"[:24],
)
async def test_opens(failure: Step | int) -> None:
    """After five failures in a row the platform is left alone."""
    platform = Platform()
    for _ in range(9):
        await platform.ask(failure)

    assert platform.asked == 5
    assert platform.told == [BreakerMoved("eu2", "api", "open")]


@pytest.mark.parametrize("answer", [200, 400, 401, 429])
async def test_stays_closed(answer: int) -> None:
    """A platform that answers is alive, whatever it says short of a failure."""
    platform = Platform()
    for _ in range(40):
        await platform.ask(answer)

    assert platform.asked == 40


@pytest.mark.parametrize(
    ("body", "asked"),
    [(b'{"domain":"TaskManager","code":"NotFound"}', 40), (b"default backend - 404", 5)],
    ids=["platform", "front"],
)
async def test_missing_object(body: bytes, asked: int) -> None:
    """An object that is missing is an answer; a front that knows no path is a failure (P§12.2)."""
    platform = Platform()
    for _ in range(40):
        await platform.ask(httpx.Response(404, content=body), endpoint="task")

    assert platform.asked == asked


async def test_forbidden_object() -> None:
    """One object may be forbidden alone: that says nothing of the account."""
    platform = Platform()
    for _ in range(40):
        await platform.ask(403, endpoint="task")

    assert platform.asked == 40


@pytest.mark.parametrize("endpoint", ["task", "activity"])
async def test_forbidden_between(endpoint: Endpoint) -> None:
    """Nor does it end a row of failures, or close a circuit whose probe it is."""
    platform = Platform()
    for _ in range(5):
        await platform.ask(403)
        await platform.ask(403, endpoint=endpoint)
    platform.time.now = 5.0
    probe = await platform.ask(403, endpoint=endpoint)

    assert (platform.asked, probe) == (10, "403")
    assert platform.states() == ["open", "half_open", "open"]
    assert await platform.ask() == "200"


@pytest.mark.parametrize(
    ("steps", "apart_s", "asked"),
    [
        pytest.param([500, 200], 0, 20, id="half of 20"),
        pytest.param([500, 200], 0.6, 40, id="half, but not 20 within 10 s"),
        pytest.param([500, 200, 200], 0, 40, id="a third"),
    ],
)
async def test_half_fails(steps: Sequence[int], apart_s: float, asked: int) -> None:
    """Half of at least twenty calls in ten seconds opens it too."""
    platform = Platform()
    for step in islice(cycle(steps), 40):
        platform.time.now += apart_s
        await platform.ask(step)

    assert platform.asked == asked


async def test_open() -> None:
    """An open breaker answers at once, and says when it makes sense to come again."""
    platform = await Platform().broken()
    platform.time.now = 2.0
    request = httpx.Request("GET", "https://p/", extensions=extensions("task", deadline=9))
    with pytest.raises(UpstreamUnavailableError) as caught:
        await platform.breaker.handle_async_request(request)

    assert (caught.value.retry_after_s, caught.value.account) == (3.0, "eu2")
    assert platform.asked == 0


async def test_single_probe() -> None:
    """When it is time one call goes through; the others are refused until it has ended."""
    platform = await Platform().broken()
    platform.time.now = 5.0
    platform.gate = asyncio.Event()
    calls = [asyncio.create_task(platform.ask()) for _ in range(9)]
    await asyncio.wait(calls[1:])
    platform.gate.set()

    assert await calls[0] == "200"
    assert {call.result() for call in calls[1:]} == {"UpstreamUnavailableError"}
    assert await platform.ask() == "200"
    assert platform.states() == ["half_open", "closed"]


async def test_probes_that_fail() -> None:
    """Each probe that fails doubles the wait, up to a minute."""
    platform = await Platform().broken()
    probed = []
    for second in range(300):
        platform.time.now = float(second)
        if await platform.ask(500) == "500":
            probed.append(second)

    assert probed == [5, 15, 35, 75, 135, 195, 255]


async def test_a_success_forgets() -> None:
    """Once closed it takes five failures again, and then five seconds."""
    platform = await Platform().broken()
    platform.time.now = 5.0
    await platform.ask(500)
    platform.time.now = 15.0
    await platform.ask()
    for _ in range(5):
        await platform.ask(500)
    platform.time.now = 20.0

    assert await platform.ask() == "200"


async def cancelled(platform: Platform, *, deadline: float) -> None:
    """Make a call whose caller is cancelled while the platform is silent."""
    platform.gate = asyncio.Event()
    call = asyncio.create_task(platform.ask(deadline=deadline))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})
    platform.gate = None


@pytest.mark.parametrize(
    ("deadline", "answer"),
    [
        pytest.param(1e9, "200", id="callers who leave"),
        pytest.param(0.0, "UpstreamUnavailableError", id="deadlines"),
    ],
)
async def test_cut_off(deadline: float, answer: str) -> None:
    """A call cut off by its deadline is a failure of the platform, one left by its caller none."""
    platform = Platform()
    for _ in range(5):
        await cancelled(platform, deadline=deadline)

    assert await platform.ask() == answer


async def test_probe_whose_caller_leaves() -> None:
    """A probe that nobody waits for decides nothing: the next call is the probe."""
    platform = await Platform().broken()
    platform.time.now = 5.0
    await cancelled(platform, deadline=1e9)

    assert await platform.ask() == "200"
    assert platform.states() == ["half_open", "open", "half_open", "closed"]


async def test_late_news() -> None:
    """What was begun before it opened says nothing of the probe."""
    platform = Platform()
    platform.gate = gate = asyncio.Event()
    late = asyncio.create_task(platform.ask(200))
    await asyncio.sleep(0)
    platform.gate = None
    await platform.broken()
    gate.set()

    assert await late == "200"
    assert await platform.ask() == "UpstreamUnavailableError"


async def test_two_circuits() -> None:
    """A token endpoint that is down doesn't stop calls whose token still serves."""
    platform = Platform()
    for _ in range(5):
        await platform.ask(500, endpoint="token")

    assert await platform.ask(endpoint="token") == "UpstreamUnavailableError"
    assert await platform.ask(endpoint="task") == "200"
    await platform.breaker.aclose()
