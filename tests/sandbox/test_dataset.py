"""What the data set holds at noon: the variety that readers of the platform must cope with."""

import re
from collections import Counter
from dataclasses import fields
from typing import Any

import pytest

from app.sandbox.app import DEFAULT_SEED, create_sandbox
from app.sandbox.dataset import Dataset
from app.sandbox.estate import estate
from app.sandbox.fields import STATES
from app.sandbox.plot import day_of, hour_of
from app.sandbox.story import Story
from app.sandbox.times import text_of
from tests.sandbox.conftest import NOON_S, Clock

Item = dict[str, Any]
NOON_NS = int(NOON_S) * 1_000_000_000
DATASET = Dataset(seed=DEFAULT_SEED, born_ns=NOON_NS, history_days=10)
TIMES = ("enqueuedAt", "assignedAt", "startedAt", "completedAt", "updatedAt")


def vars_of(story: Story) -> list[Any]:
    """Return all that a story consists of; two stories are never equal themselves."""
    return [getattr(story, field.name) for field in fields(story)]


@pytest.fixture(scope="module")
def tasks() -> list[Item]:
    """Every task at noon."""
    return DATASET.tasks(NOON_NS)


@pytest.fixture(scope="module")
def activities() -> list[Item]:
    """Every activity at noon."""
    return DATASET.activities(NOON_NS)


@pytest.fixture(scope="module")
def errors(tasks: list[Item]) -> list[Item]:
    """Every error of a task."""
    return [task["result"]["error"] for task in tasks if "error" in task.get("result", {})]


def test_size() -> None:
    """About five thousand tasks of the last 90 days, none of the future."""
    dataset = create_sandbox(clock=lambda: NOON_S).state.dataset
    times = [text_of(row["enqueuedAt"]) for row in dataset.task_rows(NOON_NS)]

    assert 4_800 < len(times) < 5_600
    assert "2026-08-20" <= min(times) < "2026-08-21"
    assert max(times) <= "2026-11-18T12:00:00Z"


def test_estate() -> None:
    """Twelve tenants in a tree, 150 resources, 20 policies, whatever the seed."""
    owned = estate(7)

    assert len(owned.tenants) == 12
    assert sum(map(len, owned.resources.values())) == 150
    assert sum(map(len, owned.policies.values())) == 20
    assert all(tenant.locator.endswith(f"/{tenant.id}/") for tenant in owned.tenants)
    assert max(tenant.locator.count("/") for tenant in owned.tenants) == 6


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_every_state(hour: int) -> None:
    """At any hour every state can be seen, and some results."""
    rows = DATASET.task_rows(NOON_NS + hour * 3_600 * 10**9)

    assert {row["state"] for row in rows} == set(STATES.values())


def test_every_result(tasks: list[Item], activities: list[Item]) -> None:
    """Every result occurs; most work ends well, a finished task always has one."""
    done = [task for task in tasks if task["state"] == "completed"]
    found = Counter(task["result"]["code"] for task in done)

    assert set(found) == {"ok", "error", "warning", "cancelled", "abandoned", "timedout"}
    assert found["ok"] > len(done) * 0.7
    assert set(found) == {item["result"]["code"] for item in activities if "result" in item}


def test_ids(tasks: list[Item], activities: list[Item]) -> None:
    """Ids are unique, beyond 2^53, rise with creation, and many do not survive a float."""
    ids = [task["id"] for task in tasks]

    assert len(set(ids)) == len(ids)
    assert len({item["id"] for item in activities}) == len(activities)
    assert min(ids) > 2**53
    assert [task["idString"] for task in tasks] == [str(number) for number in ids]
    assert sum(int(float(number)) != number for number in ids) > len(ids) // 4


def test_digits(tasks: list[Item]) -> None:
    """Times have 0 to 9 digits of a second."""
    fractions = [
        re.sub(r".*:\d\d\.?|Z", "", task[name]) for task in tasks for name in TIMES if name in task
    ]

    assert {len(fraction) for fraction in fractions} == set(range(10))


def test_agent_errors(errors: list[Item]) -> None:
    """Agents' errors nest deeply, with tags beyond int64 and tags in hex."""
    chains = [error["context"]["_src"] for error in errors if "_src" in error.get("context", {})]
    tags, depths = [], []
    for chain in chains:
        link, depth = chain, 0
        while link:
            depth += 1
            tags.append(link["src"]["tag"])
            link = link["suberror"]
        depths.append(depth)

    assert (min(depths), max(depths)) == (2, 17)
    assert any(isinstance(tag, int) and tag > 2**63 for tag in tags)
    assert any(isinstance(tag, str) for tag in tags)


def test_other_errors(errors: list[Item]) -> None:
    """There are plain errors, errors with a debug message alone, and bare ones."""
    assert any("context" in error and "debug" not in error for error in errors)
    assert any("debug" in error and "context" not in error for error in errors)
    assert any(not {"context", "debug"} & error.keys() for error in errors)
    assert {type(error["kbLink"]["build"]) for error in errors if "kbLink" in error} == {int, str}


def test_warnings(tasks: list[Item]) -> None:
    """A warning tells one to three reasons."""
    found = {
        len(task["result"]["warnings"]) for task in tasks if "warnings" in task.get("result", {})
    }

    assert found == {1, 2, 3}


def test_progress(tasks: list[Item]) -> None:
    """Progress counts to 100, over items, or to nothing at all; some have none."""
    totals = {task["progress"]["total"] for task in tasks if "progress" in task}

    assert {0, 100} < totals
    assert any("current" not in task.get("progress", {"current": 1}) for task in tasks)
    assert any("progress" not in task and task["state"] == "completed" for task in tasks)


def test_payloads(tasks: list[Item]) -> None:
    """A payload is text, an object, null or not there."""
    payloads = [task["result"].get("payload", 0) for task in tasks if "result" in task]

    assert {type(payload) for payload in payloads} == {str, dict, type(None), int}


def test_blockers(tasks: list[Item], activities: list[Item]) -> None:
    """A paused task waits for a choice; one that went on tells what was chosen."""
    blocked = {task["state"]: task["blockers"][0] for task in tasks if "blockers" in task}

    assert set(blocked) == {"paused", "completed"}
    assert "solution" not in blocked["paused"]
    assert blocked["completed"]["solution"] == {"key": "Retry"}
    assert blocked["paused"]["activityId"] in {item["id"] for item in activities}


def test_kinds(tasks: list[Item]) -> None:
    """Backups, Microsoft 365, Google, scans, updates and old mirrors occur, by GUID and name."""
    types = {task["type"] for task in tasks}

    assert {"D332948D-A7A9-4E07-B76C-253DCF6E17FB", "UserMailboxBackup", "GSBackupGMail"} < types
    assert {"WinScan", "NGMP_FullScan", "AutoUpdateStandby", "policy.apply", "Download"} < types
    assert {"A59E8BF2-39C3-42C4-B667-CB672381A214", "44328016-20D7-4799-A357-CF152C904ED0"} < types


def test_legacy(tasks: list[Item], activities: list[Item]) -> None:
    """A mirror is complete at once, without attempts; its activity repeats its id and UUID."""
    mirrors = [task for task in tasks if task["queue"] == "legacySync"]
    repeated = {item["id"]: item["uuid"] for item in activities if item["id"] == item["taskId"]}

    assert {task["enqueuedAt"] == task["startedAt"] == task["completedAt"] for task in mirrors} == {
        True
    }
    assert any(task["updatedAt"] > task["completedAt"] for task in mirrors)
    assert not any("assignCount" in task for task in mirrors)
    assert {"uuid" in task["tenant"] for task in mirrors} == {True, False}
    assert repeated == {task["id"]: task["uuid"] for task in mirrors}


def test_roots(tasks: list[Item], activities: list[Item]) -> None:
    """Agents say which process stands below another (P§10.8); newer producers say nothing."""
    for items in (tasks, activities):
        told = Counter(item.get("context", {}).get("IsProcessRoot") for item in items)
        assert all(told[each] > 20 for each in (True, False, None))


def test_texts(tasks: list[Item]) -> None:
    """Names hold brackets, quotes and letters of the world; parties may be empty strings."""
    policies = {task["policy"]["name"] for task in tasks if "policy" in task}
    resources = {task["resource"]["name"] for task in tasks if "resource" in task}
    cases = {number for task in tasks if "resource" in task for number in [task["resource"]["id"]]}

    assert {"Nightly (full)", 'Büro "Süd"', "Bob's plan \\ old"} < policies
    assert any(not name.isascii() for name in resources)
    assert any("'" in name for name in resources)
    assert any(number.upper() in cases for number in cases if number != number.upper())
    assert {"", "c2c", None} < {task["issuer"].get("clusterId") for task in tasks}
    assert {"", None} < {task.get("startedByUser") for task in tasks}


def test_missing_keys(tasks: list[Item]) -> None:
    """Some tasks lack what others have: absent means the key is missing."""
    always = set.intersection(*(set(task) for task in tasks))

    assert {
        "id",
        "state",
        "tenant",
        "issuer",
        "enqueuedAt",
        "updatedAt",
        "cancelRequested",
    } < always
    assert not {
        "context", "result", "executor", "assignCount", "assignedAt", "startedAt", "policy",
        "resource", "progress", "startedByUser", "cancellable", "workflowId", "tags", "argument",
    } & always  # fmt: skip


def test_zero_times(tasks: list[Item]) -> None:
    """Some tasks print times that have not come as Go's zero, and are found by them before any."""
    zero = "0001-01-01T00:00:00Z"
    rows = {row["id"]: row for row in DATASET.task_rows(NOON_NS)}
    for key, states in (("startedAt", {"enqueued", "completed"}), ("completedAt", {"enqueued"})):
        odd = [task for task in tasks if task.get(key) == zero]
        assert states <= {task["state"] for task in odd}
        assert {text_of(rows[task["id"]][key]) for task in odd} == {zero}


def test_told_by_context(tasks: list[Item]) -> None:
    """One kind tells its plan and its resource in the context alone, and is not found by them."""
    told = [task for task in tasks if task["type"] == "SPBackup"]
    rows = {row["id"]: row for row in DATASET.task_rows(NOON_NS)}

    assert len(told) > 3
    assert all({"policyId", "policyName", "resourceId"} <= task["context"].keys() for task in told)
    assert not any({"policy", "resource"} & task.keys() for task in told)
    assert {rows[task["id"]][key] for task in told for key in ("policyId", "resourceId")} == {None}


def test_trees(tasks: list[Item], activities: list[Item]) -> None:
    """Every task has one to six activities; every parent is there and belongs to the same task."""
    owners = {item["id"]: item["taskId"] for item in activities}
    counts = Counter(owners.values())
    children = [item for item in activities if "parentActivityId" in item]

    assert set(counts) == {task["id"] for task in tasks}
    assert set(counts.values()) == set(range(1, 7))
    assert all(owners[item["parentActivityId"]] == item["taskId"] for item in children)
    parents = {item["parentActivityId"] for item in children}
    assert any(item["id"] in parents for item in children)


@pytest.mark.parametrize("told", [day_of, hour_of], ids=["day", "pulse"])
def test_same_seed(told: Any) -> None:
    """The same seed and clock tell the same, though nothing is remembered from before."""
    remembered, afresh = told(5, 20_775), told.__wrapped__(5, 20_775)

    assert remembered is not afresh
    assert [vars_of(story) for story in remembered] == [vars_of(story) for story in afresh]


def test_other_seed(clock: Clock, tasks: list[Item]) -> None:
    """Another seed tells something else of the same tenants."""
    other = create_sandbox(clock=clock, seed=2, history_days=3).state.dataset.tasks(NOON_NS)

    assert not {task["id"] for task in tasks} & {task["id"] for task in other}
    assert {task["tenant"]["id"] for task in tasks} == {task["tenant"]["id"] for task in other}
