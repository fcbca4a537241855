"""The keys that tasks and activities have in common: types and words of the OpenAPI document."""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from app.domain.catalogue import CATEGORIES
from app.domain.parts import Agent, Fault, Policy, Progress, Resource, Tenant
from app.domain.status import STATUSES
from app.domain.status import StatusGroup as Group

ANOMALIES: Final = (
    "missing_result",
    "unknown_state",
    "unknown_result",
    "clock_skew",
    "bad_timestamp",
    "id_mismatch",
    "unreadable",
)


def at(description: str) -> Meta:
    """Describe a key that holds a time."""
    return Meta(
        description=f"{description} RFC 3339 in UTC, truncated to milliseconds.",
        examples=["2020-04-22T11:34:03.290Z"],
        extra_json_schema={"format": "date-time"},
    )


Id: TypeAlias = Annotated[
    str,
    Meta(
        description="Id in this service: the account and the platform's id.",
        examples=["eu2.944455285181775872"],
    ),
]
UpstreamId: TypeAlias = Annotated[
    str, Meta(description="The platform's id, in decimal.", examples=["944455285181775872"])
]
Uuid: TypeAlias = Annotated[
    str | None,
    Meta(
        description="The platform's UUID, in lower case.",
        examples=["38045860-8901-426e-b51f-fc6d24d1cbe0"],
    ),
]
Account: TypeAlias = Annotated[str, Meta(description="Alias of the account.", examples=["eu2"])]
Status: TypeAlias = Annotated[
    str,
    Meta(
        description="What became of it. Open: new words may come.",
        examples=["succeeded"],
        extra_json_schema={"x-extensible-enum": list(STATUSES)},
    ),
]
StatusGroup: TypeAlias = Annotated[
    Group, Meta(description="The group of the status. Closed.", examples=["success"])
]
IsFinished: TypeAlias = Annotated[
    bool, Meta(description="Whether it is over, however it ended.", examples=[True])
]
State: TypeAlias = Annotated[
    str,
    Meta(
        description='The platform\'s state, in lower case; "unknown" when it sent none.',
        examples=["completed"],
    ),
]
Result: TypeAlias = Annotated[
    str | None, Meta(description="The platform's result, in lower case.", examples=["ok"])
]
Category: TypeAlias = Annotated[
    str,
    Meta(
        description="The field of work. Open: new words may come.",
        examples=["backup"],
        extra_json_schema={"x-extensible-enum": list(CATEGORIES)},
    ),
]
Type: TypeAlias = Annotated[
    str | None,
    Meta(
        description="The platform's kind of work: a GUID or a name; null when it sent none.",
        examples=["A59E8BF2-39C3-42C4-B667-CB672381A214"],
    ),
]
TypeName: TypeAlias = Annotated[
    str | None,
    Meta(description="Name of the type, when it is known here.", examples=["Add agent"]),
]
Title: TypeAlias = Annotated[
    str | None,
    Meta(
        description="A sentence for people; holds names and may hold ids.",
        examples=["Backup plan 'Nightly servers (full)'"],
    ),
]
StartedAt: TypeAlias = Annotated[str | None, at("When the agent began; may change with a retry.")]
CompletedAt: TypeAlias = Annotated[str | None, at("When it ended.")]
UpdatedAt: TypeAlias = Annotated[str | None, at("When it last changed.")]
QueueMs: TypeAlias = Annotated[
    int | None, Meta(description="Milliseconds from creation to start.", examples=[1500])
]
DurationMs: TypeAlias = Annotated[
    int | None,
    Meta(description="Milliseconds from start to end; null before.", examples=[2832443]),
]
HowFar: TypeAlias = Annotated[Progress | None, Meta(description="How far it has come.")]
Error: TypeAlias = Annotated[Fault | None, Meta(description="Why it failed.")]
Warnings: TypeAlias = Annotated[tuple[Fault, ...], Meta(description="What it warns of.")]
OfTenant: TypeAlias = Annotated[Tenant | None, Meta(description="Whose work it is.")]
OnResource: TypeAlias = Annotated[Resource | None, Meta(description="What is worked on.")]
ByPolicy: TypeAlias = Annotated[Policy | None, Meta(description="The plan that caused it.")]
ByAgent: TypeAlias = Annotated[Agent | None, Meta(description="Who does it.")]
StartedBy: TypeAlias = Annotated[
    str | None,
    Meta(description="The user who caused it.", examples=["johndoe@mysite.com"]),
]
RunMode: TypeAlias = Annotated[
    str | None,
    Meta(description="How it was started, in lower case.", examples=["scheduled"]),
]
Tags: TypeAlias = Annotated[
    tuple[str, ...], Meta(description="Labels of the issuer.", examples=[["nightly"]])
]
IsRoot: TypeAlias = Annotated[
    bool | None,
    Meta(description="Whether nothing stands above it; null when unknown.", examples=[True]),
]
WorkflowId: TypeAlias = Annotated[
    str | None,
    Meta(description="Equal for tasks of one workflow.", examples=["1175855112431136768"]),
]
Anomalies: TypeAlias = Annotated[
    tuple[str, ...],
    Meta(
        description="What was odd in the platform's data. Open: new words may come.",
        examples=[["missing_result"]],
        extra_json_schema={"x-known-items": list(ANOMALIES)},
    ),
]
Raw: TypeAlias = Annotated[
    msgspec.Raw | msgspec.UnsetType,
    Meta(
        description="What the platform sent, byte by byte; with `include=raw`. Any JSON, in the"
        " platform's own words, which may change; numbers may be larger than 64 bits.",
        examples=[{"id": 944455285181775872, "state": "completed", "result": {"code": "ok"}}],
    ),
]
ResultPayload: TypeAlias = Annotated[
    msgspec.Raw | msgspec.UnsetType,
    Meta(
        description="What the work returned, byte by byte; with `include=result_payload`. Any"
        " JSON; null when it returned nothing.",
        examples=[{"vCountTotal": 4, "pCountTotal": 9}],
    ),
]
