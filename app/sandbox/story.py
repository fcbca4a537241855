"""The life of one task as a list of events, and where it stands at an instant."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from app.sandbox.estate import Policy, Resource, Tenant
from app.sandbox.kinds import Kind
from app.sandbox.times import ZERO_NS

Word = Literal[
    "enqueue", "assign", "start", "pause", "resume", "requeue", "cancel", "end", "settle"
]
Event = tuple[int, Word]

# Ids follow the clock of the printed ones (P§10.1): ticks of 2^20 ns since this instant.
_ID_EPOCH_NS = 1_351_441_422_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """Everything that will ever happen to a task; equal only to itself, so it hashes fast.

    `events` begins with `enqueue` and ends with `settle`, after which nothing changes. `draw` seeds
    the details that only rendering needs.
    """

    id: int
    node: int
    uuid: str
    kind: Kind
    tenant: Tenant
    resource: Resource | None
    policy: Policy | None
    started_by: str | None
    executor: tuple[str, str]
    priority: str
    tags: tuple[str, ...]
    workflow: int | None
    attempts_max: int
    outcome: str
    planned_ns: int
    tick_ns: int
    events: tuple[Event, ...]
    draw: int

    @property
    def enqueued_ns(self) -> int:
        """When the task came into being."""
        return self.events[0][0]

    @property
    def settled_ns(self) -> int:
        """From when on the task is what it will always be."""
        return self.events[-1][0]

    @property
    def is_legacy(self) -> bool:
        """Whether it mirrors work of the old management server: complete at once."""
        return self.kind.style == "legacy"

    @property
    def own_resource(self) -> Resource | None:
        """The resource as far as a field of its own tells it."""
        return None if self.kind.tells_by_context else self.resource

    @property
    def own_policy(self) -> Policy | None:
        """The plan as far as a field of its own tells it."""
        return None if self.kind.tells_by_context else self.policy

    @property
    def resource_id(self) -> str | None:
        """The resource's id as this kind of work prints it: agents shout (P§10.1)."""
        if self.own_resource is None:
            return None
        shouts = self.kind.style in ("agent", "update")
        return self.own_resource.id.upper() if shouts else self.own_resource.id

    def stored(self, at_ns: int | None) -> int | None:
        """Return a time as this kind of work stores it, which may be zero while there is none."""
        return ZERO_NS if at_ns is None and self.kind.zero_times else at_ns


class Moment(NamedTuple):
    """Where a task stands: what its changing fields say at one instant."""

    state: str = "enqueued"
    updated_ns: int = 0
    assigned_ns: int | None = None
    started_ns: int | None = None
    completed_ns: int | None = None
    attempts: int = 0
    cancel_requested: bool = False
    blocked_ns: int | None = None
    worked_ns: int = 0
    resumed_ns: int | None = None


def moment(story: Story, now_ns: int) -> Moment:
    """Tell the story up to an instant, heartbeats of running work included."""
    at = Moment()
    for happened_ns, word in story.events:
        if happened_ns > now_ns:
            break
        at = _after(at, word, happened_ns)
    if at.resumed_ns is not None:
        ran = (now_ns - at.resumed_ns) // story.tick_ns * story.tick_ns
        updated = max(at.updated_ns, at.resumed_ns + ran)
        return at._replace(updated_ns=updated, worked_ns=at.worked_ns + ran)
    return at


def number_of(at_ns: int, node: int, sequence: int) -> int:
    """Compose an id: it rises with time, and few survive a float."""
    return (at_ns - _ID_EPOCH_NS) >> 20 << 22 | node << 12 | sequence


def _after(at: Moment, word: Word, now_ns: int) -> Moment:
    worked = at.worked_ns + (now_ns - at.resumed_ns if at.resumed_ns is not None else 0)
    changed: dict[str, Any] = {}
    match word:
        case "assign":
            changed = {"state": "assigned", "assigned_ns": now_ns, "attempts": at.attempts + 1}
        case "start":
            changed = {"state": "started", "started_ns": now_ns, "resumed_ns": now_ns}
        case "pause":
            changed = {"state": "paused", "blocked_ns": now_ns} | _stopped(worked)
        case "resume":
            changed = {"state": "started", "resumed_ns": now_ns}
        case "requeue":
            changed = {"state": "enqueued", "assigned_ns": None, "started_ns": None} | _stopped(0)
        case "cancel":
            changed = {"cancel_requested": True}
        case "end":
            changed = {"state": "completed", "completed_ns": now_ns} | _stopped(worked)
        case _:  # enqueue is where a task begins, settle but a touch
            pass
    return at._replace(updated_ns=now_ns, **changed)


def _stopped(worked_ns: int) -> dict[str, Any]:
    return {"worked_ns": worked_ns, "resumed_ns": None}
