"""The activities of a task (P§10.2): a root that mirrors it, and steps in a tree below."""

from random import Random
from typing import Any, NamedTuple

from app.sandbox.estate import fresh_uuid
from app.sandbox.render import (
    context,
    progress_object,
    result_object,
    shared_keys,
    tenant_object,
    times,
    title_of,
)
from app.sandbox.story import Moment, Story, moment, number_of
from app.sandbox.times import text_of

_ROOT_SEQUENCE = 2_048  # above those of tasks, so that ids of both kinds differ but for mirrors


class Step(NamedTuple):
    """An activity at an instant; `at` holds its own state and times."""

    id: int
    uuid: str
    parent: int | None
    type: str
    title: str
    created_ns: int
    at: Moment
    is_last: bool


def steps_of(story: Story, now_ns: int) -> list[Step]:
    """Return the activities that exist at an instant, parents first."""
    at = moment(story, now_ns)
    title = title_of(story)
    if story.is_legacy:
        root = Step(story.id, story.uuid, None, story.kind.type, title, story.enqueued_ns, at, True)
        return [root]
    rng = Random(story.draw ^ 0xACE)  # noqa: S311
    number = number_of(story.enqueued_ns, story.node, _ROOT_SEQUENCE)
    count = rng.randint(min(1, len(story.kind.steps)), len(story.kind.steps))
    root = Step(
        number, fresh_uuid(rng), None, story.kind.type, title, story.enqueued_ns, at, count == 0
    )
    steps, parent = [root], root
    for index, (type_, name) in enumerate(story.kind.steps[:count]):
        window = _window(story, index, count)
        identity = fresh_uuid(rng)
        if window is None or window[0] > now_ns:
            break
        step = Step(
            number_of(window[0], story.node, _ROOT_SEQUENCE + 1 + index),
            identity,
            parent.id,
            type_,
            name,
            window[0],
            _within(at, *window, now_ns),
            index == count - 1,
        )
        steps.append(step)
        if rng.random() < 0.5:  # noqa: PLR2004
            parent = step
    return steps


def activity_object(story: Story, step: Step) -> dict[str, Any]:
    """Return the whole truth about an activity at an instant."""
    rng = Random(step.id)  # noqa: S311
    at = step.at
    activity: dict[str, Any] = {
        "id": step.id,
        "idString": str(step.id),
        "uuid": step.uuid,
        "taskId": story.id,
        "taskIdString": str(story.id),
        "type": step.type,
        "state": at.state,
        "tenant": tenant_object(story),
        "executor": {"id": story.executor[0] if at.assigned_ns else "", "clusterId": ""},
        "createdAt": text_of(step.created_ns),
        "updatedAt": text_of(at.updated_ns),
    }
    activity |= shared_keys(story)
    activity |= times(story, startedAt=at.started_ns, completedAt=at.completed_ns)
    if step.parent is not None:
        activity |= {
            "parentActivityId": step.parent, "parentActivityIdString": str(step.parent),
            "context": {"IsProcessRoot": False, "isLegacy": True, "title": step.title},
        }  # fmt: skip
    elif (root_context := context(story, rng)) is not None:
        activity["context"] = root_context
    if (progress := progress_object(story, at, rng)) is not None:
        activity["progress"] = progress
    if at.completed_ns is not None:
        own = step.parent is None or step.is_last
        activity["result"] = result_object(story, rng) if own else {"code": "ok"}
    return activity


def _window(story: Story, index: int, count: int) -> tuple[int, int] | None:
    """Return begin and end of a step: its share of the last run; None when there was no run."""
    begun = [at_ns for at_ns, word in story.events if word == "start"]
    if not begun:
        return None
    ended_ns = story.events[-2][0]
    share = (ended_ns - begun[-1]) // count
    begin_ns = begun[-1] + index * share
    return begin_ns, ended_ns if index == count - 1 else begin_ns + share


def _within(task: Moment, begin_ns: int, end_ns: int, now_ns: int) -> Moment:
    over = now_ns >= end_ns
    return Moment(
        state="completed" if over else task.state,
        updated_ns=end_ns if over else max(begin_ns, task.updated_ns),
        assigned_ns=task.assigned_ns,
        started_ns=begin_ns,
        completed_ns=end_ns if over else None,
        worked_ns=min(now_ns, end_ns) - begin_ns,
    )
