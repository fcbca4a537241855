"""Normalisation: every sample, every mutilation of one, and the rules one by one."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.task import Task
from app.errors import UpstreamInvalidResponseError
from app.platform.normalise import read_page, read_task
from tests.support.expected import expected, printed
from tests.support.wreckage import mutilate

DATA = Path(__file__).parents[1] / "data"
SAMPLES = {path.stem: path.read_bytes() for path in sorted((DATA / "samples").glob("task*.json"))}
TASKS = [item for body in map(json.loads, SAMPLES.values()) for item in body.get("items", [body])]
# The keys that are always there.
KEYS = [field.name for field in msgspec.structs.fields(Task) if field.required]
SEED = (
    '{"object":"task","id":"eu2.944455285181775872","upstream_id":"944455285181775872",'
    '"uuid":"38045860-8901-426e-b51f-fc6d24d1cbe0","account":"eu2","status":"succeeded",'
    '"status_group":"success","is_finished":true,"state":"completed","result":"ok",'
    '"category":"agent","type":"A59E8BF2-39C3-42C4-B667-CB672381A214","type_name":"Add agent",'
    '"title":"Adding agent \'DESKTOP-GFT9S1R\' to the management server",'
    '"created_at":"2020-04-22T11:34:03.290Z","assigned_at":null,'
    '"started_at":"2020-04-22T11:34:03.290Z","completed_at":"2020-04-22T11:34:03.290Z",'
    '"updated_at":"2020-04-22T11:34:03.294Z","queue_ms":0,"duration_ms":0,"progress":null,'
    '"error":null,"warnings":[],"tenant":{"id":"1496265","uuid":null,"name":"John Doe",'
    '"ancestor_ids":["1","1496262"]},"resource":null,"policy":null,'
    '"agent":{"id":"f7358a00-8469-45ae-a0c3-22952e9ed12f","cluster_id":null,'
    '"name":"DESKTOP-GFT9S1R"},"issuer":null,"started_by":"DESKTOP-GFT9S1R\\\\AMS User",'
    '"run_mode":null,"queue":"legacySync","priority":"normal","tags":[],"is_root":true,'
    '"workflow_id":null,"cancelable":true,"cancel_requested":false,"attempts":null,'
    '"attempts_max":null,"blockers":[],"anomalies":[]}'
)


def task(**sent: Any) -> Task:
    """Return the answer for a task that the platform sends with these keys."""
    return read_task(json.dumps({"id": 7, "state": "started", **sent}).encode(), "eu2").item


def done(**sent: Any) -> Task:
    """Return the answer for a finished task with these keys."""
    return task(**{"state": "completed", "result": {"code": "ok"}, **sent})


def test_seed() -> None:
    """The task of the guide comes out byte by byte as the contract prints it."""
    reading = read_task(SAMPLES["task_seed"], "eu2")

    assert msgspec.json.encode(reading.item).decode() == SEED


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(name: str, pytestconfig: pytest.Config) -> None:
    """Every sample is answered as its file in tests/data/expected says."""
    body = SAMPLES[name]
    paged = b'"items"' in body
    readings = read_page(body, "eu2")[0] if paged else (read_task(body, "eu2"),)
    answer = [reading.item for reading in readings]

    assert printed(answer) == expected(name, answer, pytestconfig)
    assert [reading.dropped for reading in readings] == [0] * len(readings)


def test_order_of_the_fields() -> None:
    """Tasks are filled by position, so each field is told apart from its neighbours here."""
    answer = msgspec.to_builtins(
        done(
            type="T", uuid="U", queue="Q", priority="belowNormal", startedByUser="me",
            cancellable=True, assignCount=1, maxAssignCount=2, workflowId=3, tags=["t", ""],
            context={"title": "a title", "runMode": "Manual", "IsProcessRoot": False},
        )
    )  # fmt: skip

    assert {key: answer[key] for key in ("type", "uuid", "queue", "priority", "started_by")} == {
        "type": "T", "uuid": "u", "queue": "Q", "priority": "below_normal", "started_by": "me",
    }  # fmt: skip
    assert (answer["attempts"], answer["attempts_max"], answer["workflow_id"]) == (1, 2, "3")
    assert (answer["cancelable"], answer["cancel_requested"]) == (True, False)
    assert (answer["title"], answer["run_mode"], answer["is_root"]) == ("a title", "manual", False)
    assert answer["tags"] == ("t",)


@pytest.mark.parametrize(
    ("sent", "upstream_id", "anomalies"),
    [
        pytest.param({"id": 944455285181775873}, "944455285181775873", (), id="beyond 2^53"),
        pytest.param({"idString": "8"}, "8", ("id_mismatch",), id="idString wins"),
        pytest.param({"id": "8", "idString": None}, "8", (), id="digits"),
        pytest.param({"id": 8.0, "idString": ""}, "8", (), id="whole float"),
        pytest.param({"id": 9.3e17, "idString": "930000000000000000"}, "930000000000000000", (),
                     id="float that says the same"),
        pytest.param({"id": 8.5, "idString": "8"}, "8", ("id_mismatch",), id="broken float"),
        pytest.param({"idString": "seven"}, "7", ("id_mismatch",), id="a word"),
        pytest.param({"idString": "\u0667"}, "7", ("id_mismatch",), id="other digits"),
        pytest.param({"id": [], "idString": "8"}, "8", (), id="id of odd shape"),
    ],
)  # fmt: skip
def test_ids(sent: dict[str, Any], upstream_id: str, anomalies: tuple[str, ...]) -> None:
    """Ids are exact, and idString wins where the two differ."""
    answer = task(**sent)

    assert (answer.upstream_id, answer.id) == (upstream_id, f"eu2.{upstream_id}")
    assert answer.anomalies == anomalies


@pytest.mark.parametrize(
    "item",
    ["null", "5", "[]", "{}", '{"id":null}', '{"id":-1}', '{"id":"-1"}', '{"id":9.5e17}',
     '{"id":9223372036854775808}', '{"id":{}}', '{"idString":"0x1"}'],
)  # fmt: skip
def test_unreadable(item: str) -> None:
    """An item without a usable id stays where it was, with a name of its own."""
    readings, _ = read_page(f'{{"items":[{{"id":1}},{item},{{"id":2}}]}}'.encode(), "eu2")
    answer = readings[1].item

    assert [reading.number for reading in readings] == [1, None, 2]
    assert answer.id.startswith("eu2.unreadable-")
    assert (answer.status, answer.status_group, answer.anomalies) == (
        "unknown",
        "unknown",
        ("unreadable",),
    )
    assert bytes(readings[1].raw) == item.encode()


@pytest.mark.parametrize("body", [b"null", b"{}", b'{"code":"NotFound"}', b"<html>", b'{"id":1'])
def test_not_a_task(body: bytes) -> None:
    """A single answer that is no task is the platform's failure, not a task."""
    with pytest.raises(UpstreamInvalidResponseError):
        read_task(body, "eu2")


@pytest.mark.parametrize(
    ("sent", "anomalies"),
    [
        pytest.param({"state": "completed"}, ("missing_result",), id="no result"),
        pytest.param({"state": "dreaming"}, ("unknown_state",), id="state"),
        pytest.param({"state": None}, ("unknown_state",), id="no state"),
        pytest.param({"state": "completed", "result": {"code": "melted"}}, ("unknown_result",),
                     id="result"),
        pytest.param({"enqueuedAt": "2022-02-21T02:00:00.5Z", "startedAt": "2022-02-21T01:00:00Z"},
                     ("clock_skew",), id="clocks"),
        pytest.param({"updatedAt": "yesterday"}, ("bad_timestamp",), id="a word"),
        pytest.param({"updatedAt": 1645405200}, ("bad_timestamp",), id="a number"),
        pytest.param({"updatedAt": "0001-01-01T00:00:00Z"}, (), id="year 1"),
        pytest.param({"updatedAt": ""}, (), id="empty"),
    ],
)  # fmt: skip
def test_anomalies(sent: dict[str, Any], anomalies: tuple[str, ...]) -> None:
    """What is odd is said, once, and costs no more than itself."""
    assert task(**sent).anomalies == anomalies


def test_durations() -> None:
    """Waiting and working are whole milliseconds; a negative one is 0."""
    times = {"enqueuedAt": "2022-02-21T01:00:00.5Z", "startedAt": "2022-02-21T01:00:00.1Z"}
    answer = done(**times, completedAt="2022-02-21T01:00:02.100999Z")

    assert (answer.queue_ms, answer.duration_ms) == (0, 2000)
    assert answer.anomalies == ("clock_skew",)
    assert done(startedAt=times["startedAt"], completedAt="2022-02-21T01:00:00Z").duration_ms == 0
    assert task(startedAt=times["startedAt"], completedAt=times["enqueuedAt"]).duration_ms is None


@pytest.mark.parametrize(
    ("state", "progress", "percent"),
    [
        ("started", {"total": 100, "current": 37}, 37),
        ("started", {"total": 3, "current": 2}, 66),
        ("started", {"total": 2, "current": 5}, 100),
        ("started", {"total": 0, "current": 5}, None),
        ("started", {"total": 100}, None),
        ("completed", {"total": 0}, 100),
    ],
)
def test_progress(state: str, progress: dict[str, int], percent: int | None) -> None:
    """Percent is rounded down within 0 to 100, 100 on success, unknown without a total."""
    answer = done(state=state, progress=progress).progress

    assert answer is not None
    assert (answer.percent, answer.total) == (percent, progress["total"])


@pytest.mark.parametrize(
    ("tenant", "expected"),
    [
        ({"id": 5, "uuid": "AB", "locator": "/1/5/"}, ("5", "ab", ("1",))),
        ({"locator": "/1/4/5/"}, ("5", None, ("1", "4"))),
        ({"id": "9", "locator": "/1/4/"}, ("9", None, ("1", "4"))),
        ({"id": "9", "locator": ""}, ("9", None, ())),
        ({"id": "", "name": "nobody"}, None),
    ],
)
def test_tenant(tenant: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    """A tenant has an id and the ids above it; its locator alone tells both."""
    answer = task(tenant=tenant).tenant

    assert (answer and (answer.id, answer.uuid, answer.ancestor_ids)) == expected


PLAN = "33965F81-7293-45D4-9F13-DC4281D7BDFD"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"policy": {"id": PLAN, "name": "", "type": "backup"}}, (PLAN.lower(), None, "backup")),
        ({"policy": {"id": ""}, "context": {"policyId": "P", "policyName": "N"}}, ("P", "N", None)),
        ({"context": {"Persistent": {"PlanID": "P"}, "PlanName": "N"}}, ("P", "N", None)),
        ({"context": {"BackupPlanID": "P", "BackupPlanName": "N"}}, ("P", "N", None)),
        ({"context": {"ProtectionPlanID": "P"}}, ("P", None, None)),
        ({"context": {"PlanName": "N"}}, None),
    ],
)
def test_policy(sent: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    """The plan comes of `policy`, else of what the agent wrote into the context."""
    answer = task(**sent).policy

    assert (answer and (answer.id, answer.name, answer.type)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"resource": {"id": "AB", "name": "n", "type": "t"}}, ("ab", "n", "t")),
        (
            {"context": {"resourceId": "AB", "resourceName": "n", "resourceKind": "drive"}},
            ("ab", "n", "drive"),
        ),
        (
            {"context": {"Persistent": {"AgentType": "machine", "ID": "AB", "Name": "n"}}},
            ("ab", "n", None),
        ),
        ({"context": {"Persistent": {"AgentType": "agent", "ID": "AB"}}}, None),
        ({"context": {"Persistent": {"ID": "AB"}}}, None),
        ({"resource": {"name": "n"}}, None),
    ],
)
def test_resource(sent: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    """The resource comes of `resource`, else of the context, but never of an agent's entry."""
    answer = task(**sent).resource

    assert (answer and (answer.id, answer.name, answer.type)) == expected


AGENT = {"AgentType": "Agent", "ID": "A", "Name": "host"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"executor": {"id": "E", "clusterId": "c"}}, ("E", "c", None)),
        ({"executor": {"id": "A"}, "context": {"Persistent": AGENT}}, ("A", None, "host")),
        ({"executor": {"id": "E"}, "context": {"Persistent": AGENT}}, ("E", None, None)),
        (
            {"executor": {"id": ""}, "affinity": {"agentId": "F", "clusterId": ""}},
            ("F", None, None),
        ),
        ({"affinity": {"clusterId": "c"}, "context": {"Persistent": AGENT}}, ("A", None, "host")),
        ({"context": {"Persistent": {"ID": "A"}}}, None),
    ],
)
def test_agent(sent: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    """The agent is the executor, else the affinity's, else the legacy entry of an agent."""
    answer = task(**sent).agent

    assert (answer and (answer.id, answer.cluster_id, answer.name)) == expected


def test_blockers() -> None:
    """Only questions that nobody has answered wait for a person."""
    open_ = {"id": 5, "issue": {"key": "K"}, "possibleSolutions": [{"key": "Retry"}, {"key": ""}]}
    answered = {"id": 6, "issue": {"key": "K"}, "solution": {"key": "Retry"}}
    found = task(blockers=[open_, answered, {}]).blockers

    assert [(blocker.id, blocker.key, blocker.solutions) for blocker in found] == [
        ("5", "K", ("Retry",)),
        (None, None, ()),
    ]


@given(st.data())
def test_mutilated(data: st.DataObject) -> None:
    """Whatever happens to the items of a page, each becomes a valid task, in its place."""
    items = [copy.deepcopy(data.draw(st.sampled_from(TASKS))) for _ in range(2)]
    for _ in range(data.draw(st.integers(1, 5))):
        items[0] = mutilate(items[0], data.draw)
    readings, _ = read_page(json.dumps({"items": items}).encode(), "eu2")
    answers = [msgspec.json.encode(reading.item) for reading in readings]

    assert [msgspec.json.decode(answer, type=Task) for answer in answers] == [
        reading.item for reading in readings
    ]
    assert readings[1].item.upstream_id == str(items[1]["id"])
    assert [list(json.loads(answer)) for answer in answers] == [KEYS] * 2
