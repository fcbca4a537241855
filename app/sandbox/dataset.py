"""All tasks and activities as a pure function of the seed, the instant of birth and the clock."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from app.sandbox.detail import ACTIVITY_LEVELS, TASK_LEVELS, at_level
from app.sandbox.estate import Estate, estate
from app.sandbox.fields import PRIORITIES, RESULTS, STATES
from app.sandbox.grammar import Row
from app.sandbox.plot import HOUR_NS, day_of, hour_of
from app.sandbox.render import is_sustainable, task_object
from app.sandbox.steps import Step, activity_object, steps_of
from app.sandbox.story import Moment, Story, moment
from app.sandbox.times import DAY_NS, SECOND_NS

# The pulse would be 777,600 tasks in 90 days; the platform too keeps less of what is very many.
PULSE_KEPT_HOURS = 6
_PULSE_BEFORE_BIRTH_NS = 600 * SECOND_NS

_encode = msgspec.json.Encoder().encode


class Dataset:
    """The platform's memory.

    About 55 tasks a day for `history_days`, dropped by whole days, and from ten minutes before
    birth on a short one every ten seconds, dropped by whole hours after six. What is there keeps
    its id and its story.
    """

    def __init__(self, *, seed: int, born_ns: int, history_days: int) -> None:
        self._seed = seed
        self._history_days = history_days
        self._pulse_from_ns = born_ns - _PULSE_BEFORE_BIRTH_NS

    @property
    def estate(self) -> Estate:
        """Tenants, resources and plans."""
        return estate(self._seed)

    def tasks(self, now_ns: int) -> list[dict[str, Any]]:
        """Return every task at an instant, whole, by rising id."""
        stories = sorted(self._stories(now_ns), key=lambda story: story.id)
        return [task_object(story, moment(story, now_ns)) for story in stories]

    def activities(self, now_ns: int) -> list[dict[str, Any]]:
        """Return every activity at an instant, whole, by rising id."""
        found = [
            activity_object(story, step)
            for story in self._stories(now_ns)
            for step in steps_of(story, now_ns)
        ]
        return sorted(found, key=lambda activity: int(activity["id"]))

    def task_rows(self, now_ns: int) -> list[Row]:
        """Return what can be asked of each task, with the means to print it under `print`."""
        return [
            _settled_task(story)
            if now_ns >= story.settled_ns
            else _task_row(story, moment(story, now_ns))
            for story in self._stories(now_ns)
        ]

    def activity_rows(self, now_ns: int) -> list[Row]:
        """Return what can be asked of each activity, with the means to print it under `print`."""
        rows: list[Row] = []
        for story in self._stories(now_ns):
            rows += (
                _settled_activities(story)
                if now_ns >= story.settled_ns
                else _activity_rows(story, now_ns)
            )
        return rows

    def _stories(self, now_ns: int) -> Iterator[Story]:
        today, hour = now_ns // DAY_NS, now_ns // HOUR_NS
        for day in range(today - self._history_days, today):
            yield from day_of(self._seed, day)
        for story in day_of(self._seed, today):
            if story.enqueued_ns <= now_ns:
                yield story
        first = max(self._pulse_from_ns // HOUR_NS, hour - PULSE_KEPT_HOURS)
        for past in range(first, hour + 1):
            for story in hour_of(self._seed, past):
                if self._pulse_from_ns <= story.enqueued_ns <= now_ns:
                    yield story


def print_row(row: Row, lod: str | None) -> bytes:
    """Return a row's JSON at a level of detail."""
    story, told = row["story"], row["told"]
    if row["settled"]:
        return _printed(story, told if isinstance(told, Step) else None, lod)
    return _print(story, told, lod)


@lru_cache(maxsize=16_384)
def _printed(story: Story, step: Step | None, lod: str | None) -> bytes:
    return _print(story, step or moment(story, story.settled_ns), lod)


def _print(story: Story, told: Step | Moment, lod: str | None) -> bytes:
    if isinstance(told, Step):
        return _encode(at_level(activity_object(story, told), ACTIVITY_LEVELS, lod))
    return _encode(at_level(task_object(story, told), TASK_LEVELS, lod))


@lru_cache(maxsize=16_384)
def _settled_task(story: Story) -> Row:
    return _task_row(story, moment(story, story.settled_ns)) | {"settled": True}


@lru_cache(maxsize=16_384)
def _settled_activities(story: Story) -> tuple[Row, ...]:
    rows = _activity_rows(story, story.settled_ns)
    return tuple(row | {"settled": True} for row in rows)


def _task_row(story: Story, at: Moment) -> dict[str, Any]:
    has_agent = story.resource is not None and story.resource.agent is not None
    has_affinity = has_agent and story.kind.style == "agent"
    return _common(story, at) | {
        "told": at,
        "id": story.id,
        "uuid": story.uuid,
        "type": story.kind.type,
        "queue": story.kind.queue,
        "priority": PRIORITIES[story.priority],
        "enqueuedAt": story.enqueued_ns,
        "assignedAt": story.stored(at.assigned_ns),
        "executorId": story.executor[0] if at.assigned_ns is not None else None,
        "affinityAgentId": story.resource.agent if story.resource and has_affinity else None,
        "affinityClusterId": "" if has_affinity else None,
    }


def _activity_rows(story: Story, now_ns: int) -> list[dict[str, Any]]:
    return [
        _common(story, step.at)
        | {
            "told": step,
            "id": step.id,
            "uuid": step.uuid,
            "type": step.type,
            "createdAt": step.created_ns,
            "taskId": story.id,
            "parentActivityId": step.parent,
            "sustainable": is_sustainable(story),
            "resultCode": _result(story, step),
        }
        for step in steps_of(story, now_ns)
    ]


def _result(story: Story, step: Step) -> int | None:
    if step.at.completed_ns is None:
        return None
    return RESULTS[story.outcome if step.parent is None or step.is_last else "ok"]


def _common(story: Story, at: Moment) -> dict[str, Any]:
    policy, resource = story.own_policy, story.own_resource
    return {
        "story": story,
        "settled": False,
        "locator": story.tenant.locator,
        "state": STATES[at.state],
        "resultCode": RESULTS[story.outcome] if at.completed_ns is not None else None,
        "startedByUser": story.started_by,
        "startedAt": story.stored(at.started_ns),
        "updatedAt": at.updated_ns,
        "completedAt": story.stored(at.completed_ns),
        "policyId": policy.id if policy else None,
        "policyName": policy.name if policy else None,
        "policyType": policy.type if policy else None,
        "resourceId": story.resource_id,
        "resourceName": resource.name if resource else None,
        "resourceType": resource.type if resource else None,
        "workflowId": story.workflow,
        "tag": story.tags or None,
    }
