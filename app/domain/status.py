"""The platform's state and result, told as one status that a caller can act on."""

from typing import Literal, NamedTuple, get_args

StatusGroup = Literal["pending", "active", "success", "failure", "canceled", "unknown"]

COMPLETED = "completed"


class Status(NamedTuple):
    """What became of a task, the group it belongs to, and an anomaly when the words are odd."""

    status: str
    group: StatusGroup
    anomaly: str | None = None


UNKNOWN_STATE = Status("unknown", "unknown", "unknown_state")
UNKNOWN_RESULT = Status("unknown", "unknown", "unknown_result")
MISSING_RESULT = Status("unknown", "unknown", "missing_result")
CANCELING = Status("canceling", "active")

# P§11.1, the states before the last one
UNFINISHED: dict[str, Status] = {
    "enqueued": Status("queued", "pending"),
    "assigned": Status("queued", "pending"),
    "started": Status("running", "active"),
    "paused": Status("paused", "active"),
}
# P§11.3
FINISHED: dict[str, Status] = {
    "ok": Status("succeeded", "success"),
    "warning": Status("warning", "success"),
    "error": Status("failed", "failure"),
    "timedout": Status("timed_out", "failure"),
    "abandoned": Status("abandoned", "failure"),
    "cancelled": Status("canceled", "canceled"),
}

STATUSES = (
    *dict.fromkeys(status.status for status in (*UNFINISHED.values(), CANCELING)),
    *(status.status for status in FINISHED.values()),
    "unknown",
)
"""Every status that is known today; answers may one day hold others."""

GROUPS: dict[str, tuple[str, ...]] = {
    group: tuple(
        dict.fromkeys(
            status.status
            for status in (*UNFINISHED.values(), CANCELING, *FINISHED.values(), UNKNOWN_STATE)
            if status.group == group
        )
    )
    for group in get_args(StatusGroup)
}
"""The statuses of each group."""


def status_of(state: str | None, result: str | None, *, cancel_requested: bool) -> Status:
    """Return the status of a state and a result, both in lower case.

    A request to cancel shows only while the task is in a known state before the last one:
    afterwards the result says what came of it (P§15, 17).
    """
    if state == COMPLETED:
        if result is None:
            return MISSING_RESULT
        return FINISHED.get(result, UNKNOWN_RESULT)
    if state not in UNFINISHED:
        return UNKNOWN_STATE
    return CANCELING if cancel_requested else UNFINISHED[state]
