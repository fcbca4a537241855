"""Turns the tasks that the platform sends into ours; odd data never raises and is never dropped."""

import hashlib
from typing import TypeAlias

import msgspec
from msgspec import Raw

from app.domain.catalogue import kind_of
from app.domain.reading import Reading
from app.domain.status import COMPLETED, status_of
from app.domain.task import Task
from app.domain.times import Instant, elapsed_ms, instant
from app.errors import UpstreamInvalidResponseError
from app.platform import decoding, parts
from app.platform.fault import fault
from app.platform.wire import WireContext, WireResult, WireTask

_TIMES = frozenset(
    {"enqueuedAt", "createdAt", "assignedAt", "startedAt", "completedAt", "updatedAt"}
)
_YEAR_1 = "0001-"  # how Go programs print "never": not a time, and nothing odd

_Times: TypeAlias = tuple[
    Instant | None, Instant | None, Instant | None, Instant | None, Instant | None
]

_NO_TASK = WireTask()
_NO_RESULT = WireResult()
_NO_CONTEXT = WireContext()


def read_page(
    body: bytes, account: str, items_max: int = decoding.ITEMS_MAX
) -> tuple[tuple[Reading, ...], str | None]:
    """Return the readings of a page in the platform's order, and the cursor of the next page.

    There is one reading for each item, readable or not.

    Raises:
        UpstreamInvalidResponseError: the body is not a page, or of more than `items_max`.
    """
    items, after = decoding.read_items(body, account, items_max=items_max)
    return tuple([read_item(item, account) for item in items]), after


def read_item(item: Raw, account: str) -> Reading:
    """Return the reading of one item of a page."""
    return reading_of(*decoding.read_task(item), item, account)


def read_task(body: bytes, account: str) -> Reading:
    """Return the reading of a single task.

    Raises:
        UpstreamInvalidResponseError: the body is not a task.
    """
    item = decoding.read_object(body, account)
    reading = reading_of(*decoding.read_task(item), item, account)
    if reading.number is None:
        raise UpstreamInvalidResponseError("The platform's answer is not a task.", account=account)
    return reading


def reading_of(sent: WireTask | None, odd: tuple[str, ...], item: Raw, account: str) -> Reading:
    """Return the reading of `item`: what could be read of it, and what had an odd shape."""
    if sent is None:
        return _unreadable(item, account, len(odd))
    anomalies: list[str] = []
    number = sent.id
    if type(number) is not int or sent.id_string != str(number) or not 0 <= number <= parts.ID_MAX:
        number, mismatch = parts.identity(sent.id, sent.id_string)
        if number is None:
            return _unreadable(item, account, len(odd))
        if mismatch:
            anomalies.append("id_mismatch")
    times = _times(sent)
    created, _, started, completed, updated = times
    return Reading(
        item=_task(sent, account, str(number), anomalies, odd, times=times),
        number=number,
        times=(
            created or sent.enqueued_at,
            started or sent.started_at,
            completed or sent.completed_at,
            updated or sent.updated_at,
        ),
        raw=item,
        dropped=len(odd),
    )


def _unreadable(item: Raw, account: str, dropped: int) -> Reading:
    """Stand in for an item without a usable id; its bytes name it, so that it keeps its name."""
    name = f"unreadable-{hashlib.blake2b(item, digest_size=6).hexdigest()}"
    task = _task(_NO_TASK, account, name, [], (), times=_times(_NO_TASK))
    return Reading(
        item=msgspec.structs.replace(task, anomalies=("unreadable",)),
        number=None,
        times=(None, None, None, None),
        raw=item,
        dropped=dropped,
    )


def _task(
    sent: WireTask,
    account: str,
    upstream_id: str,
    anomalies: list[str],
    odd: tuple[str, ...],
    *,
    times: _Times,
) -> Task:
    """Fill the table of contract 4.1, top to bottom; `anomalies` are those of the ids."""
    context = sent.context or _NO_CONTEXT
    ended = sent.result or _NO_RESULT
    state = sent.state.lower() if sent.state else None
    result = ended.code.lower() if ended.code else None
    cancel_requested = sent.cancel_requested is True
    status, status_group, anomaly = status_of(state, result, cancel_requested=cancel_requested)
    if anomaly:
        anomalies.append(anomaly)
    is_finished = state == COMPLETED
    created, assigned, started, completed, updated = times
    queue_ms = elapsed_ms(created, started) if created and started else None
    duration_ms = elapsed_ms(started, completed) if is_finished and started and completed else None
    if (queue_ms and queue_ms < 0) or (duration_ms and duration_ms < 0):
        anomalies.append("clock_skew")
        queue_ms, duration_ms = _not_negative(queue_ms), _not_negative(duration_ms)
    if not (created and assigned and started and completed and updated) and _has_bad_time(
        sent, times, odd
    ):
        anomalies.append("bad_timestamp")
    policy = parts.policy(sent.policy, context)
    category, type_name = kind_of(sent.type, policy.type if policy else None)
    # By position: with so many fields, keywords would cost a tenth of the whole normalisation
    # (docs/adr/0001-msgspec-for-tasks.md). mypy and the expected answers of the samples watch the
    # order.
    return Task(
        "task",
        f"{account}.{upstream_id}",
        upstream_id,
        sent.uuid.lower() if sent.uuid else None,
        account,
        status,
        status_group,
        is_finished,
        state or "unknown",
        result,
        category,
        sent.type or None,
        type_name,
        context.title or None,
        created[1] if created else None,
        assigned[1] if assigned else None,
        started[1] if started else None,
        completed[1] if completed else None,
        updated[1] if updated else None,
        queue_ms,
        duration_ms,
        parts.progress(sent.progress, success=status_group == "success") if sent.progress else None,
        fault(ended.error) if ended.error else None,
        tuple([told for told in map(fault, ended.warnings) if told]) if ended.warnings else (),
        parts.tenant(sent.tenant) if sent.tenant else None,
        parts.resource(sent.resource, context),
        policy,
        parts.agent(sent.executor, sent.affinity, context.persistent),
        parts.issuer(sent.issuer) if sent.issuer else None,
        sent.started_by_user or None,
        context.run_mode.lower() if context.run_mode else None,
        sent.queue or None,
        parts.snake(sent.priority) if sent.priority else None,
        tuple(filter(None, sent.tags)) if sent.tags else (),
        context.is_process_root,
        parts.digits(sent.workflow_id) if sent.workflow_id is not None else None,
        sent.cancellable is True,
        cancel_requested,
        sent.assign_count,
        sent.max_assign_count,
        parts.blockers(sent.blockers) if sent.blockers else (),
        tuple(anomalies),
    )


def _times(sent: WireTask) -> _Times:
    """Return when it was created, assigned, started, completed and updated."""
    created = instant(sent.enqueued_at) if sent.enqueued_at else None
    # Legacy mirrors are queued, started and ended at once (P§11.4).
    if sent.started_at == sent.enqueued_at:
        started = created
    else:
        started = instant(sent.started_at) if sent.started_at else None
    if sent.completed_at == sent.started_at:
        completed = started
    else:
        completed = instant(sent.completed_at) if sent.completed_at else None
    return (
        created,
        instant(sent.assigned_at) if sent.assigned_at else None,
        started,
        completed,
        instant(sent.updated_at) if sent.updated_at else None,
    )


def _has_bad_time(sent: WireTask, read: _Times, odd: tuple[str, ...]) -> bool:
    texts = sent.enqueued_at, sent.assigned_at, sent.started_at, sent.completed_at, sent.updated_at
    for text, found in zip(texts, read, strict=True):
        if found is None and text and not text.startswith(_YEAR_1):
            return True
    return bool(odd) and not _TIMES.isdisjoint(odd)


def _not_negative(elapsed: int | None) -> int | None:
    return None if elapsed is None else max(elapsed, 0)
