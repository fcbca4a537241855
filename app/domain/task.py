"""What Taskgate answers for one piece of work of the platform.

The order of the fields is the order of the keys in an answer. Every description and example stands
in the OpenAPI document, so they are written for the user of the API.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from app.domain import fields
from app.domain.activity import Activity
from app.domain.parts import Blocker, Issuer


class Task(msgspec.Struct, frozen=True, gc=False):
    """One piece of work of the platform: queued, run, and finished once."""

    # Not `kw_only`: made by position, a task costs a third of what it costs by keyword
    # (docs/adr/0001-msgspec-for-tasks.md).
    object: Annotated[Literal["task"], Meta(description="Kind of object.", examples=["task"])]
    id: fields.Id
    upstream_id: fields.UpstreamId
    uuid: fields.Uuid
    account: fields.Account
    status: fields.Status
    status_group: fields.StatusGroup
    is_finished: fields.IsFinished
    state: fields.State
    result: fields.Result
    category: fields.Category
    type: fields.Type
    type_name: fields.TypeName
    title: fields.Title
    created_at: Annotated[str | None, fields.at("When it entered the queue.")]
    assigned_at: Annotated[str | None, fields.at("When it was given to an agent.")]
    started_at: fields.StartedAt
    completed_at: fields.CompletedAt
    updated_at: fields.UpdatedAt
    queue_ms: fields.QueueMs
    duration_ms: fields.DurationMs
    progress: fields.HowFar
    error: fields.Error
    warnings: fields.Warnings
    tenant: fields.OfTenant
    resource: fields.OnResource
    policy: fields.ByPolicy
    agent: fields.ByAgent
    issuer: Annotated[Issuer | None, Meta(description="Who queued it.")]
    started_by: fields.StartedBy
    run_mode: fields.RunMode
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
    tags: fields.Tags
    is_root: fields.IsRoot
    workflow_id: fields.WorkflowId
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
    anomalies: fields.Anomalies
    # Keys that stand in an answer only when `include` asks for them.
    raw: fields.Raw = UNSET
    result_payload: fields.ResultPayload = UNSET
    activities: Annotated[
        tuple[Activity, ...] | msgspec.UnsetType | None,
        Meta(
            description="Its steps, flat; with `include=activities`. Null when they could not be"
            " read, or were too many: `meta.notes` of a list says so, and for a single task"
            " `Link: <…/activities>; rel=related` leads to all of them."
        ),
    ] = UNSET
