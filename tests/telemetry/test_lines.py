"""Lines written together are those that the log would have written one by one."""

import json

import msgspec

from app.telemetry.lines import RequestLines

FACTS = {
    "method": "GET",
    "route": "/v1/tasks",
    "status": 200,
    "duration_ms": 5.0,
    "cache": "hit",
    "request_id": "first",
    "trace_id": "first",
    "upstream_calls": 0,
}


def test_lines() -> None:
    """Each request has its own time, duration, id and trace among the facts that its like share."""
    written: list[bytes] = []
    lines = RequestLines(written.append, clock=lambda: 1_800_000_010.0, monotonic=lambda: 10.0)
    lines.write([(FACTS, 9.25, 0.000012, b"one", b"a"), (FACTS, 10.0, 1.5, b"two", b"b")])
    first, second = written[0].splitlines()
    facts = {"level": "info", "event": "request_served", **FACTS, "trace_id": "a"}
    time = {"timestamp": "2027-01-15T08:00:09.250000Z"}

    assert first.decode() == (
        msgspec.json.encode({**time, **facts, "request_id": "one", "duration_ms": 0.012}).decode()
    )
    time = {"timestamp": "2027-01-15T08:00:10.000000Z"}
    assert json.loads(second) == {
        **time,
        **facts,
        "request_id": "two",
        "trace_id": "b",
        "duration_ms": 1500.0,
    }
    assert len(written) == 1
