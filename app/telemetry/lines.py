"""Log lines of many requests at once: JSON made by filling in what differs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

_MARK: Final = "\N{NULL}"
_MICRO: Final = 1_000_000

Note: TypeAlias = tuple[Mapping[str, Any], float, float, bytes, bytes]
"""A request's facts, when it ended (monotonic seconds), how long it took, its id and its trace."""


class RequestLines:
    """Writes `request_served` lines as the log would; `write` takes whole lines."""

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._write = write
        self._clock = clock
        self._monotonic = monotonic

    def write(self, notes: Sequence[Note]) -> None:
        """Write a line for each of `notes`; ids hold nothing that JSON must escape."""
        wall_s = self._clock() - self._monotonic()
        shapes: dict[int, tuple[bytes, ...]] = {}
        second, day = -1, b""
        lines = []
        for facts, ended, seconds, request_id, trace_id in notes:
            shape = shapes.get(id(facts))
            if shape is None:
                shape = shapes[id(facts)] = _shape(facts)
            before, timed, told, traced, after = shape
            moment = wall_s + ended
            if not 0 <= moment - second < 1:
                second = int(moment)
                day = _to_the_second(second)
            lines.append(
                b'%b"%b.%06dZ"%b%.3f%b"%b"%b"%b"%b'
                % (
                    before,
                    day,
                    (moment - second) * _MICRO,
                    timed,
                    seconds * 1000,
                    told,
                    request_id,
                    traced,
                    trace_id,
                    after,
                )
            )
        self._write(b"".join(lines))


def _shape(facts: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return what stands around the time, the duration, the id and the trace."""
    first = {"timestamp": _MARK, "level": "info", "event": "request_served"}
    filled = {**first, **facts, "duration_ms": _MARK, "request_id": _MARK, "trace_id": _MARK}
    line = msgspec.json.encode(filled, enc_hook=str) + b"\n"
    return tuple(line.split(msgspec.json.encode(_MARK)))


def _to_the_second(moment: int) -> bytes:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
