"""Status: contract 4.3, row by row."""

import pytest

from app.domain.status import STATUSES, status_of


@pytest.mark.parametrize(
    ("state", "result", "cancel_requested", "expected"),
    [
        ("enqueued", None, False, ("queued", "pending", None)),
        ("assigned", None, False, ("queued", "pending", None)),
        ("started", None, False, ("running", "active", None)),
        ("paused", None, False, ("paused", "active", None)),
        ("enqueued", None, True, ("canceling", "active", None)),
        ("paused", None, True, ("canceling", "active", None)),
        ("completed", "ok", False, ("succeeded", "success", None)),
        ("completed", "ok", True, ("succeeded", "success", None)),
        ("completed", "warning", False, ("warning", "success", None)),
        ("completed", "error", False, ("failed", "failure", None)),
        ("completed", "timedout", False, ("timed_out", "failure", None)),
        ("completed", "abandoned", False, ("abandoned", "failure", None)),
        ("completed", "cancelled", True, ("canceled", "canceled", None)),
        ("completed", None, False, ("unknown", "unknown", "missing_result")),
        ("completed", "melted", False, ("unknown", "unknown", "unknown_result")),
        ("dreaming", None, True, ("unknown", "unknown", "unknown_state")),
        (None, None, False, ("unknown", "unknown", "unknown_state")),
    ],
)
def test_status(
    state: str | None,
    result: str | None,
    cancel_requested: bool,  # noqa: FBT001  # a column of the table
    expected: tuple[str, str, str | None],
) -> None:
    """State, result and a wish to cancel make one status; odd words make an anomaly."""
    assert status_of(state, result, cancel_requested=cancel_requested) == expected


def test_known_words() -> None:
    """The list of known statuses is that of the contract, in its order."""
    assert STATUSES == (
        "queued",
        "running",
        "paused",
        "canceling",
        "succeeded",
        "warning",
        "failed",
        "timed_out",
        "abandoned",
        "canceled",
        "unknown",
    )
