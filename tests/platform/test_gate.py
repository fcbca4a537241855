"""Rules of waiting for a turn."""

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from app.errors import (
    OverloadedError,
    UpstreamError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from app.platform.events import Event, GateClosed, TurnRefused, TurnTaken
from app.platform.fair import Share
from app.platform.gate import Gate
from app.platform.pace import Pace
from tests.support.platform import FakeTime

A, B = Share("a"), Share("b")


class Door:
    """A gate for one call at once, with all that surrounds it."""

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        concurrency: int = 1,
        queue_max: int = 4,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.time = FakeTime()
        self.told: list[Event] = []
        self.barred: UpstreamError | None = None
        monotonic = self.time.monotonic
        self.gate = Gate(
            Pace(rate=rate, concurrency=concurrency, monotonic=monotonic, rand=lambda: 0.0),
            account="eu2",
            queue_s=queue_max / rate,
            barred=lambda: self.barred,
            monotonic=monotonic,
            sleep=sleep or self.time.sleep,
            listen=self.told.append,
        )
        self.order: list[str] = []
        self.most = self.inside = 0

    async def call(
        self,
        share: Share = A,
        hold: asyncio.Event | None = None,
        *,
        wait_s: float | None = None,
    ) -> None:
        """Take a turn, and keep it until `hold` is set."""
        async with self.gate.turn(share, wait_s=wait_s):
            self.order.append(share.consumer)
            self.inside += 1
            self.most = max(self.most, self.inside)
            await (hold.wait() if hold else asyncio.sleep(0))
            self.inside -= 1

    async def crowd(self, *shares: Share, hold: asyncio.Event) -> list["asyncio.Task[None]"]:
        """Let the first in until `hold` is set, and the others queue behind it."""
        tasks = [asyncio.create_task(self.call(shares[0], hold))]
        await anyio.wait_all_tasks_blocked()
        for share in shares[1:]:
            tasks.append(asyncio.create_task(self.call(share)))
            await anyio.wait_all_tasks_blocked()
        return tasks


async def ended(tasks: list["asyncio.Task[None]"]) -> list[str]:
    """Wait for all; return what each ended with."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(result).__name__ if result else "" for result in results]


async def test_concurrency() -> None:
    """No more calls are inside than may be at once."""
    door = Door(concurrency=3, queue_max=100)
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(door.call())

    assert (door.most, len(door.order)) == (3, 20)


async def test_rate() -> None:
    """After a burst of one second's worth calls go at the rate."""
    door = Door(rate=10, concurrency=100, queue_max=100)
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(door.call())

    assert door.time.now == pytest.approx(2.2)  # two calls are left for others
    assert sum(event.waited_s == 0 for event in door.told if isinstance(event, TurnTaken)) == 10


async def test_fair() -> None:
    """One who asks once waits for one call of one who floods."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, A, A, B, hold=hold)
    hold.set()
    await ended(tasks)

    assert "".join(door.order).index("b") <= 2


async def test_full() -> None:
    """A full queue refuses at once, and says when to come back."""
    door, hold = Door(rate=2), asyncio.Event()
    tasks = await door.crowd(*[A] * 5, hold=hold)
    with pytest.raises(OverloadedError) as caught:
        await door.call(A)
    hold.set()

    assert (caught.value.retry_after_s, caught.value.account) == (2.0, "eu2")
    assert await ended(tasks) == [""] * 5


async def test_full_of_another() -> None:
    """A queue full of one consumer's calls makes room for another's."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(*[A] * 5, B, hold=hold)
    hold.set()

    assert await ended(tasks) == ["", "", "", "", "OverloadedError", ""]
    assert TurnRefused("eu2", "overloaded") in door.told


class Friend:
    """One for whom the call of another is made too."""

    def watch(self, joined: Callable[[str, float], None]) -> Callable[[], None]:
        """Join at once."""
        joined("b", 1.0)
        return lambda: None


async def test_joined() -> None:
    """A call that is made for others too goes when the first of them has his turn."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, A, Share("a", party=Friend()), hold=hold)
    ends: list[asyncio.Task[None]] = []
    for task in tasks:
        task.add_done_callback(ends.append)
    hold.set()
    await ended(tasks)

    assert ends.index(tasks[3]) < ends.index(tasks[2])


async def test_queue_follows_the_pace() -> None:
    """The queue is as long as can be served in its time: after a refusal it is short."""
    door, hold = Door(rate=20, queue_max=40), asyncio.Event()
    door.gate.close(5, UpstreamThrottledError)
    door.time.now = 5.0
    tasks = [asyncio.create_task(door.call(A, hold)) for _ in range(9)]
    await anyio.wait_all_tasks_blocked()
    hold.set()

    assert sorted(await ended(tasks)) == 2 * [""] + 7 * ["OverloadedError"]


async def test_turn_that_comes_too_late() -> None:
    """Who waits for as long as he may is told of the crowd, and leaves the queue."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, hold=hold)
    with pytest.raises(OverloadedError):
        await door.call(B, wait_s=0.001)
    hold.set()

    assert (await ended(tasks), door.order) == (["", ""], ["a", "a"])
    assert TurnRefused("eu2", "overloaded") in door.told


async def test_barred() -> None:
    """While calls would be in vain all are told at once, whoever comes and whoever waits."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, A, hold=hold)
    door.barred = UpstreamUnavailableError("Down.", account="eu2")
    with pytest.raises(UpstreamUnavailableError):
        await door.call()
    door.gate.clear()
    await anyio.wait_all_tasks_blocked()
    refused = [task.done() for task in tasks]
    hold.set()

    assert refused == [False, True, True]
    assert await ended(tasks) == ["", "UpstreamUnavailableError", "UpstreamUnavailableError"]
    assert door.told.count(TurnRefused("eu2", "failing")) == 3


async def test_barred_as_a_turn_ends() -> None:
    """No turn is spent on being told."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, hold=hold)
    door.barred = UpstreamUnavailableError("Down.", account="eu2")
    hold.set()

    assert await ended(tasks) == ["", "UpstreamUnavailableError"]
    assert door.order == ["a"]


async def test_reserve() -> None:
    """Who had few turns need not wait behind one who floods, but no oftener than in turn."""
    stopped = asyncio.Event()

    async def until_stopped(_: float) -> None:
        await stopped.wait()

    door = Door(rate=20, concurrency=99, queue_max=100, sleep=until_stopped)
    tasks = [asyncio.create_task(door.call(A)) for _ in range(30)]
    await anyio.wait_all_tasks_blocked()
    door.time.now = 0.15
    await door.call(B)
    late = asyncio.create_task(door.call(B))
    await anyio.wait_all_tasks_blocked()
    order, waits = door.order[20:], not late.done()
    await door.gate.aclose()
    for task in (*tasks, late):
        task.cancel()
    await ended([*tasks, late])

    assert (order, waits) == (["b", "a"], True)


async def test_leaving_the_queue() -> None:
    """One who leaves the queue frees the place, and the others come in."""
    door, hold = Door(queue_max=2), asyncio.Event()
    tasks = await door.crowd(A, A, A, hold=hold)
    tasks[1].cancel()
    await anyio.wait_all_tasks_blocked()
    tasks.append(asyncio.create_task(door.call(B)))
    await anyio.wait_all_tasks_blocked()
    hold.set()

    assert await ended(tasks) == ["", "CancelledError", "", ""]


@pytest.mark.parametrize("order", [[1, 0], [0, 1], [0, None, 1]], ids=str)
async def test_leaving_as_the_turn_comes(order: list[int | None]) -> None:
    """A turn that comes in the moment its caller leaves goes to the next, never lost."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, A, hold=hold)
    for at in order:
        if at is None:
            await asyncio.sleep(0)
        else:
            tasks[at].cancel()

    assert await ended(tasks) == ["CancelledError", "CancelledError", ""]


async def test_closed() -> None:
    """The platform's wish for quiet is told at once, to those in the queue too."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, hold=hold)
    door.gate.close(5, UpstreamThrottledError)
    with pytest.raises(UpstreamThrottledError) as caught:
        await door.call()
    hold.set()

    assert (caught.value.retry_after_s, caught.value.account) == (5.0, "eu2")
    assert await ended(tasks) == ["", "UpstreamThrottledError"]
    assert GateClosed("eu2", 5.0) in door.told
    assert door.told.count(TurnRefused("eu2", "closed")) == 2


async def test_closed_while_leaving() -> None:
    """One who is refused in the moment of leaving leaves nothing behind."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, A, hold=hold)
    door.gate.close(5, UpstreamUnavailableError)
    tasks[1].cancel()
    hold.set()

    assert await ended(tasks) == ["", "CancelledError", "UpstreamUnavailableError"]


async def test_cancelled_before_closing() -> None:
    """One who left is not refused as well."""
    door, hold = Door(), asyncio.Event()
    tasks = await door.crowd(A, A, hold=hold)
    tasks[1].cancel()
    door.gate.close(5, UpstreamUnavailableError)
    hold.set()

    assert await ended(tasks) == ["", "CancelledError"]


async def test_reopened() -> None:
    """After the time is over calls go again."""
    door = Door()
    door.gate.close(5, UpstreamThrottledError)
    door.time.now = 6.0
    await door.call()

    assert door.order == ["a"]


async def test_close_ends_the_waker() -> None:
    """Closing leaves no task behind, twice too."""

    async def forever(_: float) -> None:
        await asyncio.Event().wait()

    door = Door(rate=1, concurrency=9, sleep=forever)
    before = asyncio.all_tasks()
    await door.call()
    waiting = [asyncio.create_task(door.call()) for _ in range(2)]
    await anyio.wait_all_tasks_blocked()
    await door.gate.aclose()
    await door.gate.aclose()
    for task in waiting:
        task.cancel()
    await ended(waiting)

    assert asyncio.all_tasks() == before
