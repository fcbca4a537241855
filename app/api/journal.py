"""What left by the fast lane: its log lines, figures and uses, taken down together."""

from asyncio import TimerHandle
from collections import defaultdict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

import structlog

from app.api.names import Names
from app.api.replies import Reply
from app.api.tracing import trace_id
from app.telemetry.lines import RequestLines
from app.telemetry.metrics import Metrics

WAIT_S: Final = 0.1
BATCH: Final = 128
"""Lines that are written soon: some 30 kB, and less than half a millisecond of the event loop."""

_log = structlog.get_logger()

_Note: TypeAlias = tuple[Reply, float, float, Names]


class Uses(Protocol):
    """What the journal tells the cache."""

    def credit(self, key: Hashable, hits: int) -> None:
        """Count `hits` that were served without asking the cache."""


class Journal:
    """Notes every reply; at most `WAIT_S` later it has its line, its figures and its use.

    Without `lines` the lines go through the log one by one, as for people at a terminal, or as for
    nobody when its level is too high. `later` calls something after so many seconds.
    """

    def __init__(
        self,
        *,
        cache: Uses,
        metrics: Metrics,
        lines: RequestLines | None,
        later: Callable[[float, Callable[[], None]], TimerHandle],
    ) -> None:
        self._later = later
        self._cache = cache
        self._metrics = metrics
        self._lines = lines
        self._notes: list[_Note] = []
        self._timer: TimerHandle | None = None
        self._lost = 0  # lines, since the log was last told of such

    def note(self, reply: Reply, ended: float, seconds: float, names: Names) -> None:
        """Note one reply; `ended` is monotonic."""
        notes = self._notes
        notes.append((reply, ended, seconds, names))
        if len(notes) == BATCH:
            # In the loop's next turn: what goes wrong here is not the connection's that asked.
            self._cancel()
            self._timer = self._later(0.0, self._due)
        elif self._timer is None:
            self._timer = self._later(WAIT_S, self._due)

    def settle(self) -> None:
        """Count and write what was noted so far; lines that can't be written are lost, no more.

        How many is told when others can be written again.
        """
        notes, self._notes = self._notes, []
        taken: defaultdict[Reply, list[float]] = defaultdict(list)
        for reply, _, seconds, _ in notes:
            taken[reply].append(seconds)
        for reply, each in taken.items():
            self._count(reply, each)
        if notes:
            try:
                self._write(notes)
            except OSError:
                self._lost += len(notes)
                self._metrics.lines_lost(len(notes))
            else:
                self._tell_lost()

    def close(self) -> None:
        """Settle what is left, and wait for nothing more."""
        self.settle()
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self.settle()

    def _write(self, notes: list[_Note]) -> None:
        if self._lines is None:
            for reply, _, seconds, names in notes:
                _log.info("request_served", **_facts(reply, seconds, names))
        else:
            self._lines.write(
                [
                    (reply.facts, ended, seconds, request_id, trace_id(traceparent))
                    for reply, ended, seconds, (request_id, traceparent) in notes
                ]
            )

    def _tell_lost(self) -> None:
        if self._lost:
            with suppress(OSError):
                _log.error("log_lines_lost", lines=self._lost)
                self._lost = 0

    def _count(self, reply: Reply, seconds: list[float]) -> None:
        facts = reply.facts
        for key in reply.keys:
            self._cache.credit(key, len(seconds))
        self._metrics.requests_served(
            route=facts["route"],
            method=facts["method"],
            status=facts["status"],
            cache=facts["cache"],
            seconds=seconds,
        )


def _facts(reply: Reply, seconds: float, names: Names) -> dict[str, Any]:
    request_id, traceparent = names
    told = {"duration_ms": round(seconds * 1000, 3), "request_id": request_id.decode()}
    return {**reply.facts, **told, "trace_id": trace_id(traceparent).decode()}
