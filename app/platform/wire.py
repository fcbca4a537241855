"""What the platform really sends: objects and refusals, quirks included (P§10, 12).

Only what Taskgate reads is declared; the decoder skips the rest without building it. Every field
may be missing or null. Free-form parts (`context`) hold anything: what is read of them is typed
here, the rest is never looked at.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, field

# Counters of the platform are int64 and never negative; what is not, is no counter.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# Ids are int64 (P§10.1). Other spellings are read too, so that they can be judged one by one.
Id = int | str | float


class WireTenant(msgspec.Struct, gc=False):
    """Whose work it is (P§10.3)."""

    id: str | int | None = None
    uuid: str | None = None
    name: str | None = None
    locator: str | None = None


class WireActor(msgspec.Struct, rename="camel", gc=False):
    """An issuer or an executor; both ids may be empty (P§10.1)."""

    id: str | None = None
    cluster_id: str | None = None


class WireAffinity(msgspec.Struct, rename="camel", gc=False):
    """The agent or group that the work is bound to."""

    agent_id: str | None = None
    cluster_id: str | None = None


class WireNamed(msgspec.Struct, gc=False):
    """A policy or a resource."""

    id: str | None = None
    name: str | None = None
    type: str | None = None


class WireProgress(msgspec.Struct, rename="camel", gc=False):
    """How far it has come (P§10.6)."""

    total: Count | None = None
    current: Count | None = None
    bytes_processed: Count | None = None
    bytes_saved: Count | None = None


class WireSource(msgspec.Struct, gc=False):
    """A link of the agent's own chain of errors; the last one holds an empty object (P§10.5)."""

    text: str | None = None
    suberror: "WireSource | None" = None


class WireFaultContext(msgspec.Struct, gc=False):
    """The texts among the parameters of an error."""

    effect_str: str | None = None
    cause_str: str | None = None
    source: WireSource | None = field(default=None, name="_src")


class WireKbLink(msgspec.Struct, rename="camel", gc=False):
    """The key of an error in the knowledge base."""

    ser_code: str | None = None


class WireDebug(msgspec.Struct, gc=False):
    """The plain cause, for developers."""

    msg: str | None = None


class WireFault(msgspec.Struct, rename="camel", gc=False):
    """A `domainError`: it has no message of its own (P§10.5). Neighbours' codes are numbers."""

    domain: str | None = None
    code: str | int | None = None
    reason: str | None = None
    context: WireFaultContext | None = None
    kb_link: WireKbLink | None = None
    debug: WireDebug | None = None


class WireResult(msgspec.Struct, gc=False):
    """How it ended."""

    code: str | None = None
    error: WireFault | None = None
    warnings: list[WireFault] | None = None


class WireKey(msgspec.Struct, gc=False):
    """An issue or a solution of a blocker, by its key."""

    key: str | None = None


class WireBlocker(msgspec.Struct, rename="camel", gc=False):
    """A question for a person; `solution` is there once someone chose (P§10.7)."""

    id: Id | None = None
    issue: WireKey | None = None
    possible_solutions: list[WireKey] | None = None
    solution: WireKey | None = None


class WirePersistent(msgspec.Struct, gc=False):
    """What a legacy agent keeps of its subject (P§10.8)."""

    agent_type: str | None = field(default=None, name="AgentType")
    id: str | None = field(default=None, name="ID")
    name: str | None = field(default=None, name="Name")
    plan_id: str | None = field(default=None, name="PlanID")
    plan_name: str | None = field(default=None, name="PlanName")


class WireContext(msgspec.Struct, rename="camel", gc=False):
    """The keys of the free-form `context` that fill gaps; their case depends on the producer."""

    title: str | None = None
    run_mode: str | None = None
    policy_id: str | None = None
    policy_name: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_kind: str | None = None
    persistent: WirePersistent | None = field(default=None, name="Persistent")
    is_process_root: bool | None = field(default=None, name="IsProcessRoot")
    plan_name: str | None = field(default=None, name="PlanName")
    backup_plan_id: str | None = field(default=None, name="BackupPlanID")
    backup_plan_name: str | None = field(default=None, name="BackupPlanName")
    protection_plan_id: str | None = field(default=None, name="ProtectionPlanID")


class WireTask(msgspec.Struct, rename="camel", gc=False):
    """A task as the platform prints it at any level of detail (P§7, 10.1)."""

    id: Id | None = None
    id_string: Id | None = None
    uuid: str | None = None
    type: str | None = None
    queue: str | None = None
    priority: str | None = None
    state: str | None = None
    tenant: WireTenant | None = None
    issuer: WireActor | None = None
    executor: WireActor | None = None
    affinity: WireAffinity | None = None
    started_by_user: str | None = None
    enqueued_at: str | None = None
    assigned_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str | None = None
    result: WireResult | None = None
    progress: WireProgress | None = None
    cancellable: bool | None = None
    cancel_requested: bool | None = None
    policy: WireNamed | None = None
    resource: WireNamed | None = None
    context: WireContext | None = None
    tags: list[str] | None = None
    blockers: list[WireBlocker] | None = None
    workflow_id: Id | None = None
    assign_count: Count | None = None
    max_assign_count: Count | None = None


class WireActivityContext(WireContext, rename="camel", gc=False):
    """The `context` of an activity, which may tell of steps below it."""

    has_children: bool | None = field(default=None, name="HasChildren")


class WireActivity(WireTask, rename="camel", gc=False):
    """An activity: a task but for the name of one time and the way up its tree (P§10.2).

    It has no queue, priority, issuer and so on; what never comes costs nothing to declare.
    """

    enqueued_at: str | None = field(default=None, name="createdAt")
    context: WireActivityContext | None = None
    task_id: Id | None = None
    task_id_string: Id | None = None
    parent_activity_id: Id | None = None
    parent_activity_id_string: Id | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What the platform said when it refused: `message` is for our log, never for a caller."""

    status: int
    code: str | None = None
    domain: str | None = None
    message: str | None = None
