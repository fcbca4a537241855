"""The envelope of lists: the items, where the page stands, how far it can be trusted."""

from typing import Annotated

import msgspec

from app.domain.activity import Activity
from app.domain.task import Task

Meta = msgspec.Meta


class PageInfo(msgspec.Struct, frozen=True):
    """Where this page stands in the walk."""

    limit: Annotated[int, Meta(description="The most items on one page.", ge=1, le=1000)]
    has_more: Annotated[bool, Meta(description="Whether the walk goes on.")]
    next_cursor: Annotated[
        str | None, Meta(description="Send it as `cursor` for the next page; opaque.")
    ]
    next: Annotated[
        str | None,
        Meta(description="The next page's path and query.", examples=["/v1/tasks?cursor=AbC-1_2"]),
    ]


class AccountMeta(msgspec.Struct, frozen=True):
    """What one account gave to this answer."""

    account: Annotated[str, Meta(description="The account's alias.", examples=["eu2"])]
    data_as_of: Annotated[
        str | None,
        Meta(
            description="When the platform was asked; null when it failed.",
            examples=["2026-11-23T10:00:00.000Z"],
        ),
    ]
    problem: Annotated[
        str | None,
        Meta(
            description="Slug of what went wrong; see `/problems`. Null when nothing did.",
            examples=["upstream-timeout"],
        ),
    ]


class ListMeta(msgspec.Struct, frozen=True):
    """How far this answer can be trusted."""

    data_as_of: Annotated[
        str | None,
        Meta(
            description="The oldest of the accounts' times: nothing is older. Null when none was "
            "asked: nothing can match."
        ),
    ]
    complete: Annotated[bool, Meta(description="False when an account failed; see `accounts`.")]
    accounts: Annotated[
        tuple[AccountMeta, ...],
        Meta(description="Every account asked; none when nothing can match."),
    ]
    scanned: Annotated[
        int | None,
        Meta(description="How many items were looked at, when filters were applied here."),
    ]
    missing_ids: Annotated[
        tuple[str, ...] | None,
        Meta(description="Ids asked for and not found, as sent; null without `id=`."),
    ]
    notes: Annotated[tuple[str, ...], Meta(description="Remarks for people.")]


class TaskList(msgspec.Struct, frozen=True):
    """One page of tasks."""

    items: tuple[Task, ...]
    page: PageInfo
    meta: ListMeta


class ActivityList(msgspec.Struct, frozen=True):
    """One page of activities."""

    items: tuple[Activity, ...]
    page: PageInfo
    meta: ListMeta
