"""Nothing that leaves by the lane goes unwritten."""

import asyncio
import json
from collections.abc import Callable, Hashable

from structlog.testing import capture_logs

from app.api.journal import BATCH, WAIT_S, Journal
from app.api.replies import Reply
from app.cache.answers import Found, Kept
from app.service.encode import encode
from app.service.scope import ANYBODY
from app.telemetry.lines import RequestLines
from app.telemetry.metrics import Metrics
from tests.support.edge import Figures
from tests.telemetry.test_lines import FACTS

_TRACEPARENT = b"00-%b-%b-00" % (b"1" * 32, b"2" * 16)


class World:
    """A journal with what it writes to; its timers wait until they are turned."""

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        self.written: list[bytes] = []
        self.credits: list[tuple[Hashable, int]] = []
        self.timers: list[Callable[[], None]] = []
        self.waits: list[float] = []
        self.metrics = Metrics(version="1", monotonic=float, cache_figures=Figures)
        self.journal = Journal(
            cache=self,
            metrics=self.metrics,
            lines=RequestLines(write or self.written.append, clock=float, monotonic=float),
            later=self.later,
        )
        kept = Kept(encode({}), None, 0.0, 60.0, 0)
        found = Found(kept, "hit", key="k")
        self.reply = Reply(b"q", ANYBODY, found, "", FACTS, 200, (), (), b"")

    def credit(self, key: Hashable, hits: int) -> None:
        """Take down what the cache is told."""
        self.credits.append((key, hits))

    def later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Keep the call."""
        self.waits.append(seconds)
        self.timers.append(call)
        return asyncio.get_running_loop().call_later(3600 + seconds, call)

    def note(self, times: int) -> None:
        """Send the reply so many times."""
        for number in range(times):
            self.journal.note(self.reply, 1.0, 0.001, (b"id-%d" % number, _TRACEPARENT))

    def ids(self) -> list[str]:
        """Return the ids of the lines that were written."""
        return [json.loads(line)["request_id"] for line in b"".join(self.written).splitlines()]


async def test_full_batch() -> None:
    """A full batch is written in the loop's next turn, in one piece, and counted."""
    world = World()
    world.note(BATCH)
    assert world.written == []
    assert world.waits == [WAIT_S, 0.0]
    world.timers[-1]()

    assert len(world.written) == 1
    assert world.ids() == [f"id-{number}" for number in range(BATCH)]
    assert world.credits == [("k", BATCH)]
    world.journal.close()


async def test_time() -> None:
    """One timer writes what does not fill a batch, and the next note sets another."""
    world = World()
    world.note(2)
    world.timers[0]()
    world.note(1)

    assert world.ids() == ["id-0", "id-1"]
    assert len(world.timers) == 2
    world.journal.close()
    assert world.ids()[2:] == ["id-0"]


def broken(_: bytes) -> None:
    """Fail as a pipe does that nobody reads any more."""
    raise BrokenPipeError


async def test_broken_log() -> None:
    """A log that can't be written to costs its lines, and neither answers nor figures."""
    world = World(write=broken)
    world.note(BATCH + 1)
    world.journal.close()

    assert world.credits == [("k", BATCH + 1)]
    assert (
        world.metrics.registry.get_sample_value(
            "taskgate_request_duration_seconds_count", {"route": str(FACTS["route"])}
        )
        == BATCH + 1
    )
    assert world.metrics.registry.get_sample_value("taskgate_log_lines_lost_total") == BATCH + 1


async def test_mended_log() -> None:
    """What was lost while nobody could write is told once, when somebody can."""
    ways: list[Callable[[bytes], object]] = [broken, broken, len, len]

    def write(lines: bytes) -> object:
        return ways.pop(0)(lines)

    world = World(write=write)
    with capture_logs() as told:
        for _ in range(4):
            world.note(3)
            world.journal.settle()
    world.journal.close()

    assert told == [{"event": "log_lines_lost", "log_level": "error", "lines": 6}]


async def test_nothing_to_write() -> None:
    """A journal that noted nothing writes nothing."""
    world = World()
    world.journal.close()

    assert (world.written, world.credits) == ([], [])
