"""Callers of every kind, who hold each answer to the promises, also to its deadline."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

import httpx
from typing_extensions import override

DEADLINE_S: Final = 1.0
IN_A_HURRY_S: Final = 0.1
SLACK_S: Final = 0.05
LATE_MAX_S: Final = 0.5
"""More than this nobody may be late, however busy the loop: the service could be what keeps it."""

STARVED_S: Final = 0.5 * DEADLINE_S
"""When the loop, or the healthy platform, lost so much of an answer's time, there may be none."""

RECOVERY_MAX_S: Final = 120.0
EXPECTED: Final = frozenset({200, 502, 503, 504})
_BEAT_S: Final = 0.005
_PAUSE_S: Final = 0.2
_TURNS: Final = 20
_NEW_KEYS = count()


class Beat(NamedTuple):
    """When it came, how late, and for how much of that the machine did something else."""

    at: float
    late_s: float
    away_s: float


@dataclass
class Lag:
    """How late the loop itself is: a beat of 5 ms tells by how much later it came."""

    _beats: list[Beat] = field(default_factory=list)
    _due: float = 0.0
    _worked_s: float = 0.0  # by this thread, as of the last beat

    async def keep_on(self) -> None:
        """Beat until cancelled."""
        while True:
            self._due, self._worked_s = time.monotonic() + _BEAT_S, time.thread_time()
            await asyncio.sleep(_BEAT_S)
            self._beats.append(self._beat())
            del self._beats[:-1000]

    def since(self, moment: float) -> float:
        """Return the seconds by which the beats since then came late, one overdue included."""
        return sum(beat.late_s for beat in self._all() if beat.at >= moment)

    def away_since(self, moment: float) -> float:
        """Return the seconds of those in which this thread, and so the service, did nothing."""
        return sum(beat.away_s for beat in self._all() if beat.at >= moment)

    def _all(self) -> Iterator[Beat]:
        yield from self._beats
        yield self._beat()

    def _beat(self) -> Beat:
        now, worked_s = time.monotonic(), time.thread_time() - self._worked_s
        late_s = max(0.0, now - self._due)
        return Beat(now, late_s, max(0.0, late_s - worked_s))


@dataclass
class Neighbour:
    """One who asks the healthy platform directly, and tells how slow it is itself."""

    client: httpx.AsyncClient
    _took: list[tuple[float, float]] = field(default_factory=list)
    _began: float | None = None

    async def keep_on(self) -> None:
        """Ask until cancelled."""
        while True:
            self._began = time.monotonic()
            await self.client.get("/api/task_manager/v2/tasks")
            now = time.monotonic()
            self._took.append((now, now - self._began))
            self._began = None
            del self._took[:-1000]
            await asyncio.sleep(_PAUSE_S)

    def since(self, moment: float) -> float:
        """Return the seconds in which it waited for answers since then, one awaited included."""
        awaited = 0.0 if self._began is None else time.monotonic() - self._began
        return awaited + sum(took for at, took in self._took if at >= moment)


@dataclass
class Seen:
    """What all callers saw: what must not be, how late the latest was, and how often they met what.

    `stood_in` counts old answers for a platform that failed, `partial` those without an account,
    `starved` those that were let pass since the machine stood still.
    """

    client: httpx.AsyncClient
    lag: Lag
    neighbour: Neighbour
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stood_in: int = 0
    partial: int = 0
    late_s: float = 0.0
    excused_s: float = 0.0
    starved: int = 0

    async def ask(
        self, params: Mapping[str, Any], *, within_s: float, **headers: str
    ) -> httpx.Response | None:
        """Return the answer, None if none came in time; note what is wrong with it.

        A machine that does much else, and the callers, the proxy and the sandbox in the same
        process, delay an answer after its deadline as they delay one who does nothing else but wait
        for the deadline; only what is beyond that is the service's.
        """
        began = time.monotonic()
        waiting = asyncio.create_task(_waited_s(began, within_s))
        try:
            async with asyncio.timeout(within_s + LATE_MAX_S):
                answer = await self.client.get("/v1/tasks", params=params, headers=headers)
        except TimeoutError:
            # The loop may have been kept by the service; the machine's being away is not its doing.
            if self.lag.away_since(began) < LATE_MAX_S / 2:
                self.wrong.append(f"no answer in {time.monotonic() - began:.3f} s: {params}")
            else:
                self.starved += 1
            return None
        finally:
            late_s = time.monotonic() - began - within_s
            if late_s <= 0:
                waiting.cancel()
        lag_s = 0.0 if late_s <= 0 else await waiting - within_s
        self.late_s = max(self.late_s, late_s)
        self.excused_s = max(self.excused_s, min(late_s, lag_s))
        if late_s > SLACK_S + lag_s:
            self.wrong.append(f"{late_s:.3f} s late, the loop {lag_s:.3f} s: {params}")
        self._judge(answer, began)
        return answer

    def complain(self, what: str, began: float) -> None:
        """Note what must not be, unless the machine stood still: then the healthy are late too.

        What it lost shortly before counts: where others are in line already, the next is told so at
        once.
        """
        before = began - DEADLINE_S
        slow_s = max(self.lag.since(before), self.neighbour.since(before))
        if slow_s < STARVED_S:
            self.wrong.append(f"{what}, the platform itself {slow_s:.3f} s")
        else:
            self.starved += 1

    def _judge(self, answer: httpx.Response, began: float) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code not in EXPECTED:
            self.wrong.append(f"{answer.status_code}: {answer.text}")
        if answer.status_code != httpx.codes.OK:
            return
        body = answer.json()
        self.stood_in += "stale-if-error" in answer.headers["cache-status"]
        self.partial += not body["meta"]["complete"]
        if not body["items"]:
            self.wrong.append("an empty, healthy answer")
        if any(each["problem"] for each in body["meta"]["accounts"] if each["account"] == "steady"):
            self.complain("the healthy account was blamed", began)


@dataclass
class Caller:
    """One who asks again and again; `asked` counts what was answered, or left."""

    seen: Seen
    asked: int = 0

    async def keep_on(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.once()
            self.asked += 1
            await asyncio.sleep(0.02)

    async def once(self) -> httpx.Response | None:
        """Ask the failing account something new."""
        return await self.seen.ask(_new("chaos"), within_s=DEADLINE_S)


@dataclass
class Regular(Caller):
    """Asks the same again: what was there once stands in for all that fails afterwards."""

    had: set[int] = field(default_factory=set)

    @override
    async def once(self) -> httpx.Response | None:
        """Ask one of three questions in turn."""
        limit = 1 + self.asked % 3
        params = {"account": "chaos", "limit": limit}
        began = time.monotonic()
        answer = await self.seen.ask(params, within_s=DEADLINE_S)
        if answer is not None and answer.status_code == httpx.codes.OK:
            self.had.add(limit)
        elif answer is not None and limit in self.had:
            self.seen.complain(f"{answer.status_code} beside something kept", began)
        return answer


class Hurried(Caller):
    """Gives little time."""

    @override
    async def once(self) -> httpx.Response | None:
        """Ask something new, and be answered within that time."""
        hurry = {"X-Request-Timeout-Ms": str(int(IN_A_HURRY_S * 1000))}
        return await self.seen.ask(_new("chaos"), within_s=IN_A_HURRY_S, **hurry)


class Leaving(Caller):
    """Leaves while he waits."""

    @override
    async def once(self) -> None:
        """Ask something new and go."""
        try:
            async with asyncio.timeout(0.01):
                await self.seen.client.get("/v1/tasks", params=_new("chaos"))
        except TimeoutError:
            return


class Everywhere(Caller):
    """Asks both accounts, or the healthy one alone: one of them always has something."""

    @override
    async def once(self) -> httpx.Response | None:
        """Ask something new, and be answered with 200."""
        accounts = "chaos,steady" if self.asked % 2 else "steady"
        began = time.monotonic()
        answer = await self.seen.ask(_new(accounts), within_s=DEADLINE_S)
        if answer is not None and answer.status_code != httpx.codes.OK:
            self.seen.complain(f"{answer.status_code} of {accounts}", began)
        return answer


async def recovery_s(caller: Caller, monotonic: Callable[[], float]) -> float:
    """Return the seconds, as `monotonic` tells them, until `caller` has an answer.

    Raises:
        TimeoutError: there is none in two minutes of those.
    """
    began = monotonic()
    while monotonic() - began < RECOVERY_MAX_S:
        answer = await caller.once()
        if answer is not None and answer.status_code == httpx.codes.OK:
            return monotonic() - began
        await asyncio.sleep(0.01)
    raise TimeoutError


async def _waited_s(began: float, within_s: float) -> float:
    """Wait for a deadline, and as many turns of the loop as the end of an answer may take."""
    await asyncio.sleep(within_s)
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    return time.monotonic() - began


def _new(account: str) -> dict[str, Any]:
    day = f"2026-01-01T00:00:00.{next(_NEW_KEYS):09}Z"
    return {"account": account, "limit": 3, "created_after": day}
