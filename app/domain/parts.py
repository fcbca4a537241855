"""The parts that a task and an activity are made of.

The order of the fields is the order of the keys in an answer. Every description and example below
stands in the OpenAPI document, so they are written for the user of the API.
"""

from typing import Annotated

import msgspec
from msgspec import Meta


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
