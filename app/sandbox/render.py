"""A story at an instant as the JSON object of a task (P§10.1), at the highest level of detail."""

from random import Random
from typing import Any

from app.sandbox.faults import fault, warning
from app.sandbox.story import Moment, Story, number_of
from app.sandbox.times import duration_of, text_of

_CHILD_EVERY = 9  # one agent's process in so many stands below another
_SOLUTIONS = [
    {"key": "Retry"},
    {"key": "Ignore", "context": {"applyToAll": False}},
    {"key": "Cancel"},
]


def task_object(story: Story, at: Moment) -> dict[str, Any]:
    """Return the whole truth about a task at an instant; a key without a value is missing."""
    rng = Random(story.draw)  # noqa: S311
    task: dict[str, Any] = {
        "id": story.id,
        "idString": str(story.id),
        "uuid": story.uuid,
        "type": story.kind.type,
        "queue": story.kind.queue,
        "priority": story.priority,
        "state": at.state,
        "tenant": tenant_object(story),
        "issuer": _party(*story.kind.issuer),
        "enqueuedAt": text_of(story.enqueued_ns),
        "updatedAt": text_of(at.updated_ns),
        "cancelRequested": at.cancel_requested,
    }
    task |= shared_keys(story)
    task |= times(
        story, assignedAt=at.assigned_ns, startedAt=at.started_ns, completedAt=at.completed_ns
    )
    if story.is_legacy:  # the printed ones lack even the required assignCount
        task["cancellable"] = True
    else:
        task |= _machinery(story, at)
    if (title_context := context(story, rng)) is not None:
        task["context"] = title_context
    if (progress := progress_object(story, at, rng)) is not None:
        task["progress"] = progress
    if at.completed_ns is not None:
        task["result"] = result_object(story, rng)
    if at.blocked_ns is not None:
        task["blockers"] = [_blocker(story, at)]
    return task


def tenant_object(story: Story) -> dict[str, str]:
    """Return the tenant; old mirrors lack its UUID."""
    tenant = story.tenant._asdict()
    if story.is_legacy and story.draw % 2:
        del tenant["uuid"]
    return tenant


def shared_keys(story: Story) -> dict[str, Any]:
    """Return what a task and all its activities say alike."""
    keys: dict[str, Any] = {}
    if story.started_by is not None:
        keys["startedByUser"] = story.started_by
    if story.own_policy is not None:
        keys["policy"] = story.own_policy._asdict()
    if story.own_resource is not None:
        keys["resource"] = {
            "id": story.resource_id, "name": story.own_resource.name,
            "type": story.own_resource.type,
        }  # fmt: skip
    if story.tags:
        keys["tags"] = list(story.tags)
    if story.workflow is not None:
        keys["workflowId"] = story.workflow
    return keys


def times(story: Story, **instants: int | None) -> dict[str, str]:
    """Return those times that have come, or stand there as if they had."""
    stored = {name: story.stored(at_ns) for name, at_ns in instants.items()}
    return {name: text_of(at_ns) for name, at_ns in stored.items() if at_ns is not None}


def title_of(story: Story) -> str:
    """Return the sentence people see."""
    return story.kind.title.format(
        policy=story.policy.name if story.policy else "",
        resource=story.resource.name if story.resource else "",
    )


def progress_object(story: Story, at: Moment, rng: Random) -> dict[str, Any] | None:
    """Return how far the work is; total is 100, a number of items, or 0 where nobody counts."""
    if at.started_ns is None or story.is_legacy or not story.kind.title:
        return None
    done = at.completed_ns is not None and story.outcome in ("ok", "warning")
    total = {"agent": 100, "update": 100}.get(story.kind.style, rng.randrange(1, 400))
    if story.kind.queue == "antimalware":
        return {"total": 0}
    worked = min(at.worked_ns / story.planned_ns, 0.99)
    progress: dict[str, Any] = {"total": total, "current": total if done else int(total * worked)}
    if story.kind.style == "agent":
        size = rng.randrange(1 << 30, 1 << 38)
        read = size if done else int(size * worked)
        progress |= {"bytesProcessed": read, "bytesSaved": read // 3}
    if at.completed_ns is None:
        progress["processingSpeed"] = round(rng.uniform(1e6, 8e7), 2)
        progress["leftTime"] = duration_of(max(0, story.planned_ns - at.worked_ns))
        progress["bottleneck"] = {"source": 62, "destination": 30, "processing": 8}
    return progress


def result_object(story: Story, rng: Random) -> dict[str, Any]:
    """Return how it ended; `payload` is an object, a string, null or not there (P§10.5)."""
    result: dict[str, Any] = {"code": story.outcome}
    if story.is_legacy:
        return result | {"payload": "MachineManagement::AddAgentResponse"}
    if story.outcome == "error":
        result["error"] = fault(rng, title_of(story), story.tenant.id)
        result["payload"] = None
    elif story.outcome == "warning":
        result["warnings"] = [warning(rng) for _ in range(rng.randint(1, 3))]
    if story.kind.style == "agent" and story.outcome in ("ok", "warning"):
        result["payload"] = {"BackupActivitiesNumber": 1, "UnresolvedItemsWarning": {}}
    return result


def context(story: Story, rng: Random) -> dict[str, Any] | None:
    """Return the free-form part in its producer's style (P§10.8)."""
    title, run_mode = title_of(story), rng.choice(("scheduled", "scheduled", "manual", "Manual"))
    policy = story.policy._asdict() if story.policy else {}
    plan = {"PlanID": policy["id"], "PlanName": policy["name"]} if policy else {}
    resource = story.resource._asdict() if story.resource else {}
    if story.kind.style == "legacy":
        persistent = plan or {
            "AgentType": "agent", "ID": resource["agent"], "Name": resource["name"],
            "OwnerID": story.tenant.id,
        }  # fmt: skip
        return {
            "IsProcessRoot": True, "Persistent": persistent, "Specific": "Business",
            "isLegacy": True, "title": title,
        }  # fmt: skip
    if story.kind.style == "agent":
        return {
            **{f"Backup{key}": value for key, value in plan.items()},
            "CommandID": story.kind.type, "HasChildren": True,
            "IsProcessRoot": story.draw % _CHILD_EVERY > 0, "MachineName": resource["name"],
            "ProcessID": story.draw % 5000, "Specific": "Business", "isLegacy": True,
            "runMode": run_mode, "title": title,
        }  # fmt: skip
    if story.kind.style == "cloud":
        plan = {"policyId": policy["id"], "policyName": policy["name"]} if policy else {}
        return {
            **(plan if story.kind.tells_by_context else {}),
            "activityType": "backup", "phase": "enumerating", "resourceId": resource["id"],
            "resourceKind": resource["type"], "resourceName": resource["name"],
            "runMode": run_mode, "suite": story.kind.suite, "title": title,
        }  # fmt: skip
    if story.kind.style == "update":
        components = {"add_components": [], "remove_components": ["agentForAmp"], "AMSPort": 0}
        return {"_runtime": {}, "argument": components}
    return None


def _machinery(story: Story, at: Moment) -> dict[str, Any]:
    """Return attempts, executor and limits: what the printed mirrors of old work lack."""
    keys: dict[str, Any] = {"assignCount": at.attempts}
    if at.assigned_ns is not None:
        keys["executor"] = _party(*story.executor)
    if story.kind.style == "bare":
        return keys
    keys |= {"cancellable": True, "heartBeatInterval": "1m", "maxAssignCount": story.attempts_max}
    keys |= {"execTimeout": "24h0m0s", "ackTimeout": "5s"} if story.draw % 3 == 0 else {}
    keys |= {"sustainable": True, "lifeTime": "1h25m43s"} if is_sustainable(story) else {}
    if story.kind.style == "update":
        keys["argument"] = {"channel": "stable", "reboot": False}
    elif story.resource is not None and story.resource.agent is not None:
        keys["affinity"] = {"agentId": story.resource.agent, "clusterId": ""}
    return keys


def is_sustainable(story: Story) -> bool:
    """Whether the activities survive a return to the queue (P§11.4)."""
    return story.attempts_max > 1 and story.kind.style not in ("bare", "legacy")


def _party(number: str, cluster: str | None) -> dict[str, str]:
    return {"id": number} if cluster is None else {"id": number, "clusterId": cluster}


def _blocker(story: Story, at: Moment) -> dict[str, Any]:
    blocked_ns = at.blocked_ns or 0
    blocker: dict[str, Any] = {
        "id": number_of(blocked_ns, story.node, 2_200),
        "taskId": story.id,
        "activityId": number_of(story.enqueued_ns, story.node, 2_048),
        "tenant": tenant_object(story),
        "issue": {
            "key": "NotEnoughDiskSpace",
            "context": {"path": "D:/", "requiredBytes": 53687091200},
        },
        "possibleSolutions": _SOLUTIONS,
    }
    return blocker if at.state == "paused" else blocker | {"solution": {"key": "Retry"}}
