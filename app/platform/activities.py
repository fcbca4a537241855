"""Turns the activities that the platform sends into ours, by the rules for tasks."""

from msgspec import Raw

from app.domain.activity import Activity
from app.domain.reading import Reading
from app.domain.task import Task
from app.errors import UpstreamInvalidResponseError
from app.platform import decoding, parts
from app.platform.normalise import reading_of
from app.platform.wire import Id, WireActivity, WireActivityContext

_NO_ACTIVITY = WireActivity()
_NO_CONTEXT = WireActivityContext()


def read_activity_page(
    body: bytes, account: str, items_max: int = decoding.ITEMS_MAX
) -> tuple[tuple[Reading[Activity], ...], str | None]:
    """Return the readings of a page in the platform's order, and the cursor of the next page.

    There is one reading for each item, readable or not.

    Raises:
        UpstreamInvalidResponseError: the body is not a page, or of more than `items_max`.
    """
    items, after = decoding.read_items(body, account, items_max=items_max)
    return tuple([read_activity_item(item, account) for item in items]), after


def read_activity(body: bytes, account: str) -> Reading[Activity]:
    """Return the reading of a single activity.

    Raises:
        UpstreamInvalidResponseError: the body is not an activity.
    """
    reading = read_activity_item(decoding.read_object(body, account), account)
    if reading.number is None:
        raise UpstreamInvalidResponseError(
            "The platform's answer is not an activity.", account=account
        )
    return reading


def read_activity_item(item: Raw, account: str) -> Reading[Activity]:
    """Return the reading of one item of a page."""
    sent, odd = decoding.read_activity(item)
    told = reading_of(sent, odd, item, account)
    return Reading(
        item=_activity(told.item, sent or _NO_ACTIVITY),
        number=told.number,
        times=told.times,
        raw=item,
        dropped=told.dropped,
    )


def _activity(told: Task, sent: WireActivity) -> Activity:
    """Fill the table of contract 4.2, top to bottom, from what the rules for tasks tell of it."""
    anomalies = told.anomalies
    task_id, odd_task_id = _reference(told.account, sent.task_id, sent.task_id_string)
    parent_id, odd_parent_id = _reference(
        told.account, sent.parent_activity_id, sent.parent_activity_id_string
    )
    odd = odd_task_id or odd_parent_id
    if odd and "id_mismatch" not in anomalies and "unreadable" not in anomalies:
        anomalies = (*anomalies, "id_mismatch")
    return Activity(
        "activity",
        told.id,
        told.upstream_id,
        told.uuid,
        told.account,
        task_id,
        parent_id,
        (sent.context or _NO_CONTEXT).has_children,
        told.status,
        told.status_group,
        told.is_finished,
        told.state,
        told.result,
        told.category,
        told.type,
        told.type_name,
        told.title,
        told.created_at,
        told.started_at,
        told.completed_at,
        told.updated_at,
        told.queue_ms,
        told.duration_ms,
        told.progress,
        told.error,
        told.warnings,
        told.tenant,
        told.resource,
        told.policy,
        told.agent,
        told.started_by,
        told.run_mode,
        told.tags,
        told.is_root,
        told.workflow_id,
        anomalies,
    )


def _reference(account: str, id_: Id | None, id_string: Id | None) -> tuple[str | None, bool]:
    if id_ is None and id_string is None:
        return None, False
    number, differ = parts.identity(id_, id_string)
    return (None if number is None else f"{account}.{number}"), differ
