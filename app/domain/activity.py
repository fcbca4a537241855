"""What Taskgate answers for one step of a task.

The order of the fields is the order of the keys in an answer, a task's as far as they are shared.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from app.domain import fields


class Activity(msgspec.Struct, frozen=True, gc=False):
    """One step of a task: what an agent or a service did, and the steps below it.

    The first step may have its task's id and UUID: look activities and tasks up apart.
    """

    # Filled by position, as a task is.

    object: Annotated[
        Literal["activity"], Meta(description="Kind of object.", examples=["activity"])
    ]
    id: fields.Id
    upstream_id: fields.UpstreamId
    uuid: fields.Uuid
    account: fields.Account
    task_id: Annotated[
        str | None,
        Meta(
            description="Id in this service of the task it is a step of; null when unreadable.",
            examples=["eu2.944455285181775872"],
        ),
    ]
    parent_id: Annotated[
        str | None,
        Meta(
            description="Id in this service of the activity above it; null for the first step.",
            examples=["eu2.1175855112431136768"],
        ),
    ]
    has_children: Annotated[
        bool | None,
        Meta(
            description="Whether it says that steps stand below it; null when it says nothing.",
            examples=[True],
        ),
    ]
    status: fields.Status
    status_group: fields.StatusGroup
    is_finished: fields.IsFinished
    state: fields.State
    result: fields.Result
    category: fields.Category
    type: fields.Type
    type_name: fields.TypeName
    title: fields.Title
    created_at: Annotated[str | None, fields.at("When it was created.")]
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
    started_by: fields.StartedBy
    run_mode: fields.RunMode
    tags: fields.Tags
    is_root: fields.IsRoot
    workflow_id: fields.WorkflowId
    anomalies: fields.Anomalies
    # Keys that stand in an answer only when `include` or the view asks for them.
    raw: fields.Raw = UNSET
    result_payload: fields.ResultPayload = UNSET
    children: Annotated[
        "tuple[Activity, ...] | msgspec.UnsetType",
        Meta(description="The steps below it, in the order they were created; with `view=tree`."),
    ] = UNSET
