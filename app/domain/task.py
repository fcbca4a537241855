"""What Taskgate answers for one piece of work of the platform: the task and its parts.

The order of the fields is the order of the keys in an answer. Every description and example below
stands in the OpenAPI document, so they are written for the user of the API.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.domain.catalogue import CATEGORIES
from app.domain.status import STATUSES, StatusGroup
from app.domain.times import nanoseconds

InstantField = Literal["created_at", "started_at", "completed_at", "updated_at"]

ANOMALIES = (
    "missing_result",
    "unknown_state",
    "unknown_result",
    "clock_skew",
    "bad_timestamp",
    "id_mismatch",
    "unreadable",
)


def _time(description: str) -> Meta:
    return Meta(
        description=f"{description} RFC 3339 in UTC, truncated to milliseconds.",
        examples=["2020-04-22T11:34:03.290Z"],
        extra_json_schema={"format": "date-time"},
    )


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the work has come, in the units of whoever does it."""

    percent: Annotated[
        int | None,
        Meta(
            description="Share done, 0 to 100, rounded down; 100 on success; null when unknown.",
            examples=[37],
            extra_json_schema={"minimum": 0, "maximum": 100},
        ),
    ]
    current: Annotated[int | None, Meta(description="Units done so far.", examples=[37])]
    total: Annotated[
        int | None,
        Meta(description="Units in all: 100, or a number of items.", examples=[100]),
    ]
    processed_bytes: Annotated[
        int | None, Meta(description="Bytes read so far.", examples=[41231686041])
    ]
    saved_bytes: Annotated[
        int | None, Meta(description="Bytes written so far.", examples=[12884901888])
    ]


class Fault(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why the work failed, or what it warns of."""

    domain: Annotated[
        str | None,
        Meta(description="The part of the platform that names the code.", examples=["Common"]),
    ]
    code: Annotated[
        str | None,
        Meta(description="The platform's name of the fault.", examples=["InternalError"]),
    ]
    message: Annotated[
        str | None,
        Meta(
            description="The best text there is: effect, cause, reason, debug text or code.",
            examples=["Failed to execute the command."],
        ),
    ]
    cause: Annotated[str | None, Meta(description="Why it failed.", examples=["Access is denied"])]
    effect: Annotated[
        str | None,
        Meta(description="What failed.", examples=["Failed to execute the command."]),
    ]
    kb_code: Annotated[
        str | None,
        Meta(
            description="The chain of codes to look up in the knowledge base.",
            examples=["0x01350016+0x80070005"],
        ),
    ]
    fingerprint: Annotated[
        str,
        Meta(
            description="Equal for the same fault on other machines: names, ids, numbers and"
            " paths of the message don't count.",
            examples=["5d1f6b0c9a3e47d2"],
        ),
    ]


class Tenant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The tenant that the work belongs to."""

    id: Annotated[str, Meta(description="Numeric id of the tenant.", examples=["1496265"])]
    uuid: Annotated[
        str | None,
        Meta(
            description="UUID of the tenant, in lower case.",
            examples=["6b1f0c0e-3f5b-4c5a-9d0e-0f6f6a2f6d11"],
        ),
    ]
    name: Annotated[
        str | None,
        Meta(description="Name of the tenant; may be a person's.", examples=["John Doe"]),
    ]
    ancestor_ids: Annotated[
        tuple[str, ...],
        Meta(description="Ids of the tenants above it, root first.", examples=[["1", "1496262"]]),
    ]


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is worked on: a machine, a mailbox, a drive."""

    id: Annotated[
        str,
        Meta(
            description="Id of the resource, in lower case.",
            examples=["b2c9e0b4-0c4b-4b0b-8b39-5c1f7e3a9d40"],
        ),
    ]
    name: Annotated[
        str | None, Meta(description="Name of the resource.", examples=["srv-files-01"])
    ]
    type: Annotated[str | None, Meta(description="Kind of resource.", examples=["machine"])]


class Policy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The protection plan that caused the work."""

    id: Annotated[
        str,
        Meta(description="Id of the plan.", examples=["33965f81-7293-45d4-9f13-dc4281d7bdfd"]),
    ]
    name: Annotated[
        str | None, Meta(description="Name of the plan.", examples=["Nightly servers (full)"])
    ]
    type: Annotated[str | None, Meta(description="Kind of plan.", examples=["backup"])]


class Agent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who does the work, or is bound to do it."""

    id: Annotated[
        str,
        Meta(
            description="Id of the agent or service.",
            examples=["f7358a00-8469-45ae-a0c3-22952e9ed12f"],
        ),
    ]
    cluster_id: Annotated[
        str | None, Meta(description="Group of workers it belongs to.", examples=["c2c"])
    ]
    name: Annotated[
        str | None, Meta(description="Name of the agent's machine.", examples=["DESKTOP-GFT9S1R"])
    ]


class Issuer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who put the work into the queue."""

    id: Annotated[str, Meta(description="Id of the issuer.", examples=["policy-manager-7d9c"])]
    cluster_id: Annotated[
        str | None,
        Meta(description="Group of services it belongs to.", examples=["policy_management"]),
    ]


class Blocker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A question that waits for a person."""

    id: Annotated[
        str | None, Meta(description="Id of the question.", examples=["1176302046837010432"])
    ]
    key: Annotated[
        str | None, Meta(description="What is the matter.", examples=["NotEnoughDiskSpace"])
    ]
    solutions: Annotated[
        tuple[str, ...],
        Meta(description="Answers to choose from.", examples=[["Retry", "Ignore", "Cancel"]]),
    ]


class Task(msgspec.Struct, frozen=True, gc=False):
    """One piece of work of the platform: queued, run, and finished once."""

    # Not `kw_only`: made by position, a task costs a third of what it costs by keyword
    # (docs/adr/0001-msgspec-for-tasks.md).
    object: Annotated[Literal["task"], Meta(description="Kind of object.", examples=["task"])]
    id: Annotated[
        str,
        Meta(
            description="Id in this service: the account and the platform's id.",
            examples=["eu2.944455285181775872"],
        ),
    ]
    upstream_id: Annotated[
        str, Meta(description="The platform's id, in decimal.", examples=["944455285181775872"])
    ]
    uuid: Annotated[
        str | None,
        Meta(
            description="The platform's UUID, in lower case.",
            examples=["38045860-8901-426e-b51f-fc6d24d1cbe0"],
        ),
    ]
    account: Annotated[str, Meta(description="Alias of the account.", examples=["eu2"])]
    status: Annotated[
        str,
        Meta(
            description="What became of the task. Open: new words may come.",
            examples=["succeeded"],
            extra_json_schema={"x-extensible-enum": list(STATUSES)},
        ),
    ]
    status_group: Annotated[
        StatusGroup,
        Meta(description="The group of the status. Closed.", examples=["success"]),
    ]
    is_finished: Annotated[
        bool, Meta(description="Whether the task is over, however it ended.", examples=[True])
    ]
    state: Annotated[
        str,
        Meta(
            description='The platform\'s state, in lower case; "unknown" when it sent none.',
            examples=["completed"],
        ),
    ]
    result: Annotated[
        str | None, Meta(description="The platform's result, in lower case.", examples=["ok"])
    ]
    category: Annotated[
        str,
        Meta(
            description="The field of work. Open: new words may come.",
            examples=["backup"],
            extra_json_schema={"x-extensible-enum": list(CATEGORIES)},
        ),
    ]
    type: Annotated[
        str | None,
        Meta(
            description="The platform's kind of work: a GUID or a name; null when it sent none.",
            examples=["A59E8BF2-39C3-42C4-B667-CB672381A214"],
        ),
    ]
    type_name: Annotated[
        str | None,
        Meta(description="Name of the type, when it is known here.", examples=["Add agent"]),
    ]
    title: Annotated[
        str | None,
        Meta(
            description="A sentence for people; holds names and may hold ids.",
            examples=["Backup plan 'Nightly servers (full)'"],
        ),
    ]
    created_at: Annotated[str | None, _time("When it entered the queue.")]
    assigned_at: Annotated[str | None, _time("When it was given to an agent.")]
    started_at: Annotated[str | None, _time("When the agent began; may change with a retry.")]
    completed_at: Annotated[str | None, _time("When it ended.")]
    updated_at: Annotated[str | None, _time("When it last changed.")]
    queue_ms: Annotated[
        int | None, Meta(description="Milliseconds from creation to start.", examples=[1500])
    ]
    duration_ms: Annotated[
        int | None,
        Meta(description="Milliseconds from start to end; null before.", examples=[2832443]),
    ]
    progress: Annotated[Progress | None, Meta(description="How far it has come.")]
    error: Annotated[Fault | None, Meta(description="Why it failed.")]
    warnings: Annotated[tuple[Fault, ...], Meta(description="What it warns of.")]
    tenant: Annotated[Tenant | None, Meta(description="Whose work it is.")]
    resource: Annotated[Resource | None, Meta(description="What is worked on.")]
    policy: Annotated[Policy | None, Meta(description="The plan that caused it.")]
    agent: Annotated[Agent | None, Meta(description="Who does it.")]
    issuer: Annotated[Issuer | None, Meta(description="Who queued it.")]
    started_by: Annotated[
        str | None,
        Meta(description="The user who caused it.", examples=["johndoe@mysite.com"]),
    ]
    run_mode: Annotated[
        str | None,
        Meta(description="How it was started, in lower case.", examples=["scheduled"]),
    ]
    queue: Annotated[
        str | None, Meta(description="The queue it waits in.", examples=["legacySync"])
    ]
    priority: Annotated[
        str | None,
        Meta(
            description="Its place in the queue. Open: new words may come.",
            examples=["normal"],
            extra_json_schema={
                "x-extensible-enum": ["low", "below_normal", "normal", "above_normal", "high"]
            },
        ),
    ]
    tags: Annotated[
        tuple[str, ...], Meta(description="Labels of the issuer.", examples=[["nightly"]])
    ]
    is_root: Annotated[
        bool | None,
        Meta(description="Whether nothing stands above it; null when unknown.", examples=[True]),
    ]
    workflow_id: Annotated[
        str | None,
        Meta(description="Equal for tasks of one workflow.", examples=["1175855112431136768"]),
    ]
    cancelable: Annotated[
        bool,
        Meta(description="Whether it can be canceled; says nothing once finished."),
    ]
    cancel_requested: Annotated[
        bool, Meta(description="Whether someone asked to cancel it; it may still run.")
    ]
    attempts: Annotated[
        int | None, Meta(description="How often it was given to an agent.", examples=[1])
    ]
    attempts_max: Annotated[
        int | None, Meta(description="How often it may be given to an agent.", examples=[1])
    ]
    blockers: Annotated[tuple[Blocker, ...], Meta(description="Questions that wait for a person.")]
    anomalies: Annotated[
        tuple[str, ...],
        Meta(
            description="What was odd in the platform's data. Open: new words may come.",
            examples=[["missing_result"]],
            extra_json_schema={"x-known-items": list(ANOMALIES)},
        ),
    ]


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item off a page of the platform: the task, and what a walk needs beside it.

    `number` is the platform's id, None when the item could not be read. `sent_times` holds the
    platform's own texts of `created_at`, `started_at`, `completed_at` and `updated_at`. `raw` is
    the item as it was sent, a view of the page's bytes: copy it to keep it longer than the page.
    `dropped` counts the values that had an odd shape and were left out.
    """

    task: Task
    number: int | None
    sent_times: tuple[str | None, str | None, str | None, str | None]
    raw: msgspec.Raw
    dropped: int = 0

    def at_ns(self, field: InstantField) -> int | None:
        """Return a time of the task in nanoseconds since the epoch, where its text is cut."""
        sent = self.sent_times[_POSITIONS[field]]
        return nanoseconds(sent) if sent else None


class Page(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Readings in the platform's order; `last` says that no page follows."""

    readings: tuple[Reading, ...]
    last: bool


_POSITIONS: dict[InstantField, int] = {
    "created_at": 0,
    "started_at": 1,
    "completed_at": 2,
    "updated_at": 3,
}
