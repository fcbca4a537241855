"""Normalisation of activities: samples, mutilations, and what differs from tasks."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.activity import Activity
from app.errors import UpstreamInvalidResponseError
from app.platform.activities import read_activity, read_activity_page
from app.platform.normalise import read_page, read_task
from tests.support.expected import expected, printed
from tests.support.wreckage import mutilate

DATA = Path(__file__).parents[1] / "data"
SAMPLES = {path.stem: path.read_bytes() for path in sorted((DATA / "samples").glob("activ*.json"))}
ITEMS = [item for body in map(json.loads, SAMPLES.values()) for item in body.get("items", [body])]
KEYS = [field.name for field in msgspec.structs.fields(Activity) if field.required]
NOT_SHARED = {"object", "task_id", "parent_id", "has_children"}


def activity(**sent: Any) -> Activity:
    """Return the answer for an activity that the platform sends with these keys."""
    body = json.dumps({"id": 8, "taskId": 7, "state": "started", **sent})
    return read_activity(body.encode(), "eu2").item


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(name: str, pytestconfig: pytest.Config) -> None:
    """Every sample is answered as its file in tests/data/expected says."""
    body = SAMPLES[name]
    paged = b'"items"' in body
    readings = read_activity_page(body, "eu2")[0] if paged else (read_activity(body, "eu2"),)
    answer = [reading.item for reading in readings]

    assert printed(answer) == expected(name, answer, pytestconfig)
    assert [reading.dropped for reading in readings] == [0] * len(readings)


@pytest.mark.parametrize("sent", ITEMS, ids=[item["idString"] for item in ITEMS])
def test_as_a_task(sent: dict[str, Any]) -> None:
    """What activities and tasks share is read by the same rules."""
    found = msgspec.to_builtins(read_activity(json.dumps(sent).encode(), "eu2").item)
    task = {("enqueuedAt" if key == "createdAt" else key): value for key, value in sent.items()}
    as_task = msgspec.to_builtins(read_task(json.dumps(task).encode(), "eu2").item)
    shared = [key for key in KEYS if key not in NOT_SHARED]

    assert {key: found[key] for key in shared} == {key: as_task[key] for key in shared}


def test_mirror() -> None:
    """The first activity may have its task's id and UUID, and is another object all the same."""
    found = read_activity_page(SAMPLES["activities_list_guide"], "eu2")[0][0].item
    sample = (DATA / "samples" / "task_seed.json").read_bytes()
    task = read_task(sample, "eu2").item

    assert (found.id, found.uuid, found.task_id) == (task.id, task.uuid, task.id)
    assert (found.object, task.object, found.parent_id) == ("activity", "task", None)


def test_tree() -> None:
    """Each step names its task and the step above it; the context tells of steps below."""
    page = read_activity_page(SAMPLES["activities_tree"], "eu2")[0]
    root, middle, leaf = (reading.item for reading in page)

    assert {root.task_id, middle.task_id, leaf.task_id} == {root.id}
    assert (root.parent_id, middle.parent_id, leaf.parent_id) == (None, root.id, middle.id)
    assert (root.has_children, middle.has_children, leaf.has_children) == (True, True, None)


@pytest.mark.parametrize(
    ("sent", "task_id", "parent_id", "anomalies"),
    [
        pytest.param({}, "eu2.7", None, (), id="root"),
        pytest.param({"taskIdString": "7", "parentActivityId": 944455285181775873}, "eu2.7",
                     "eu2.944455285181775873", (), id="beyond 2^53"),
        pytest.param({"taskId": None, "taskIdString": "9"}, "eu2.9", None, (), id="text alone"),
        pytest.param({"taskIdString": "9"}, "eu2.9", None, ("id_mismatch",), id="text wins"),
        pytest.param({"parentActivityId": 5, "parentActivityIdString": "6"}, "eu2.7", "eu2.6",
                     ("id_mismatch",), id="parents differ"),
        pytest.param({"idString": "9", "taskIdString": "9"}, "eu2.9", None, ("id_mismatch",),
                     id="said once"),
        pytest.param({"taskId": [7]}, None, None, (), id="odd shape"),
        pytest.param({"parentActivityIdString": ""}, "eu2.7", None, (), id="empty"),
        pytest.param({"id": None, "parentActivityId": 5, "parentActivityIdString": "6"}, "eu2.7",
                     "eu2.6", ("unreadable",), id="unreadable, but placed"),
    ],
)  # fmt: skip
def test_references(
    sent: dict[str, Any], task_id: str | None, parent_id: str | None, anomalies: tuple[str, ...]
) -> None:
    """Ids of the task and the parent are exact; texts win over numbers that differ."""
    body = json.dumps({"items": [{"id": 8, "taskId": 7, "state": "started", **sent}]})
    found = read_activity_page(body.encode(), "eu2")[0][0].item

    assert (found.task_id, found.parent_id, found.anomalies) == (task_id, parent_id, anomalies)


def test_times() -> None:
    """`createdAt` stands for a task's `enqueuedAt`, in readings and in oddities."""
    sent = {"id": 8, "createdAt": "2022-02-21T01:00:00.098113402Z", "updatedAt": "soon"}
    reading = read_activity(json.dumps(sent).encode(), "eu2")

    assert reading.item.created_at == "2022-02-21T01:00:00.098Z"
    assert reading.at_ns("created_at") == 1645405200098113402
    assert "bad_timestamp" in reading.item.anomalies
    assert "bad_timestamp" in activity(createdAt=5).anomalies


@pytest.mark.parametrize("item", ["null", "5", "[]", "{}", '{"id":-1}', '{"idString":"0x1"}'])
def test_unreadable(item: str) -> None:
    """An item without a usable id stays where it was, with a name of its own."""
    body = f'{{"items":[{{"id":1}},{item},{{"id":2}}]}}'.encode()
    readings, _ = read_activity_page(body, "eu2")
    as_task = read_page(body, "eu2")[0][1].item

    assert [reading.number for reading in readings] == [1, None, 2]
    assert readings[1].item.id == as_task.id
    assert readings[1].item.status == "unknown"
    assert readings[1].item.anomalies == ("unreadable",)
    assert readings[1].dropped == (0 if item.startswith("{") else 1)


@pytest.mark.parametrize("body", [b"null", b"{}", b'{"code":"NotFound"}', b"<html>", b'{"id":1'])
def test_not_an_activity(body: bytes) -> None:
    """A single answer that is no activity is the platform's failure."""
    with pytest.raises(UpstreamInvalidResponseError):
        read_activity(body, "eu2")


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_mutilated(data: st.DataObject) -> None:
    """Whatever happens to the items of a page, each becomes a valid activity, in its place."""
    items = [copy.deepcopy(data.draw(st.sampled_from(ITEMS))) for _ in range(2)]
    for _ in range(data.draw(st.integers(1, 5))):
        items[0] = mutilate(items[0], data.draw)
    readings, _ = read_activity_page(json.dumps({"items": items}).encode(), "eu2")
    answers = [msgspec.json.encode(reading.item) for reading in readings]

    assert [msgspec.json.decode(answer, type=Activity) for answer in answers] == [
        reading.item for reading in readings
    ]
    assert readings[1].item.upstream_id == str(items[1]["id"])
    assert [list(json.loads(answer)) for answer in answers] == [KEYS] * 2


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_mutilated_in_their_own_words(data: st.DataObject) -> None:
    """What the platform sent comes out as it was, and its payload wherever one can be."""
    sent = mutilate(copy.deepcopy(data.draw(st.sampled_from(ITEMS))), data.draw)
    [reading], _ = read_activity_page(json.dumps({"items": [sent]}).encode(), "eu2")
    found = msgspec.json.encode(reading.item_with(raw=True, payload=True))
    result = sent.get("result") if isinstance(sent, dict) else None

    assert b',"raw":%b,"result_payload":' % json.dumps(sent).encode() in found
    if isinstance(result, dict):
        assert json.loads(found)["result_payload"] == result.get("payload")
    else:
        assert json.loads(found)["result_payload"] is None
