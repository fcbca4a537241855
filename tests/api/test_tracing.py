"""Traces: kept when they are valid, begun otherwise."""

import pytest
from structlog.testing import capture_logs

from app.api.tracing import trace, trace_id
from tests.support.edge import edge

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


def drawn(size: int) -> str:
    """Return as many bytes, all alike."""
    return "ab" * size


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (VALID, VALID),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", VALID),
        (f"cc-{TRACE}-{SPAN}-fe", f"00-{TRACE}-{SPAN}-00"),
    ],
    ids=["sampled", "random", "later version", "later flags"],
)
def test_kept(sent: str, kept: str) -> None:
    """A valid trace goes on; of a later version what is known of it (sections 3.2.2 and 3.2.4)."""
    assert trace(sent.encode(), drawn) == kept


@pytest.mark.parametrize(
    "sent",
    ["", "00", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
     f"00-{TRACE.upper()}-{SPAN}-01", f"{VALID}-more", f"{VALID}\n", f" {VALID}",
     f"cc-{TRACE}-{SPAN}-01.more"],
    ids=["none", "cut", "ff", "no trace", "no span", "upper", "more", "line", "blank", "glued"],
)  # fmt: skip
def test_begun(sent: str) -> None:
    """Nothing, or what is not valid to the letter, begins a trace of its own."""
    assert trace(sent.encode(), drawn) == f"00-{'ab' * 16}-{'ab' * 8}-00"


@pytest.mark.parametrize("path", ["/v1/tasks", "/nowhere", "/v1/crash", "/healthz"])
async def test_answered(path: str) -> None:
    """Every answer carries the trace that was sent, and its log line the trace's id."""
    with capture_logs() as lines:
        async with edge().client() as client:
            answer = await client.get(path, headers={"traceparent": VALID})

    assert answer.headers["traceparent"] == VALID
    assert lines[-1]["trace_id"] == TRACE


async def test_two() -> None:
    """Two different traces are none."""
    async with edge().client() as client:
        twice = [("traceparent", VALID), ("traceparent", f"00-{TRACE}-{'1' * 16}-01")]
        answers = [await client.get("/v1/tasks", headers=twice) for _ in range(2)]

    begun = [trace_id(answer.headers["traceparent"]) for answer in answers]
    assert len({TRACE, *begun}) == 3
