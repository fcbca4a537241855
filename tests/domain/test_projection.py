"""Which keys are answered: names off the schema, and cuts of tasks and activities."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.domain.activity import Activity
from app.domain.projection import canonical, names_of, projection
from app.domain.task import Task
from app.platform.activities import read_activity
from app.platform.normalise import read_task

SAMPLES = Path(__file__).parents[1] / "data" / "samples"


def cut(item: Task | Activity, *fields: str) -> Any:
    """Return an item as it is answered with some fields."""
    return json.loads(msgspec.json.encode(projection(type(item), canonical(fields))(item)))


@pytest.fixture
def seed() -> Task:
    """Return the task that the platform's guide prints."""
    return read_task((SAMPLES / "task_seed.json").read_bytes(), "eu2").item


@pytest.fixture
def activity() -> Activity:
    """Return an activity that has a tenant and nothing else."""
    return read_activity(b'{"id":7,"tenant":{"id":"12","locator":"/1/12/"}}', "eu2").item


@pytest.mark.parametrize("kind", [Task, Activity])
def test_names(kind: type[Task | Activity]) -> None:
    """Every documented key is a name, with dots for parts and elements; opt-in keys are not."""
    names = names_of(kind)

    assert {"id", "tenant", "tenant.ancestor_ids", "error.code", "warnings.code"} <= names
    assert names.isdisjoint({"raw", "result_payload", "activities", "children", "tenant.id.x"})


@pytest.mark.parametrize(
    ("names", "told"),
    [
        pytest.param(["status"], ("id", "status"), id="id stays"),
        pytest.param(["tenant.name", "tenant.id"], ("id", "tenant.id", "tenant.name"), id="parts"),
        pytest.param(["tenant.id", "tenant"], ("id", "tenant"), id="whole and part"),
        pytest.param(["id"], ("id",), id="id alone"),
    ],
)
def test_canonical(names: list[str], told: tuple[str, ...]) -> None:
    """The same keys are the same value: sorted, with the id, nothing named twice."""
    assert canonical(names) == told


def test_order_is_the_schemas(seed: Task) -> None:
    """Keys come in the order of the schema, whatever the order they were asked in."""
    told = cut(seed, "warnings", "tenant.name", "tenant.id", "status", "error")

    assert json.dumps(told) == json.dumps(
        {
            "id": seed.id,
            "status": "succeeded",
            "error": None,
            "warnings": [],
            "tenant": {"id": "1496265", "name": "John Doe"},
        }
    )


def test_every_field_is_the_whole(seed: Task) -> None:
    """Asking for every key is the same as asking for none."""
    assert cut(seed, *names_of(Task)) == json.loads(msgspec.json.encode(seed))


def test_parts(seed: Task) -> None:
    """A part that is null stays null, and elements are cut one by one."""
    body = {"id": 7, "result": {"code": "warning", "warnings": [{"code": "A"}, {"code": "B"}]}}
    item = read_activity(msgspec.json.encode(body), "eu2").item

    assert cut(item, "warnings.code", "error.code", "tenant.id") == {
        "id": "eu2.7",
        "error": None,
        "warnings": [{"code": "A"}, {"code": "B"}],
        "tenant": None,
    }
    assert cut(seed, "id") == {"id": seed.id}


def test_opt_in_keys_stay(activity: Activity) -> None:
    """What `include` or the view put there stays; steps below are cut like the one above."""
    above = msgspec.structs.replace(activity, raw=msgspec.Raw(b"[1]"), children=(activity,))

    assert cut(above, "tenant.id") == {
        "id": "eu2.7",
        "tenant": {"id": "12"},
        "raw": [1],
        "children": [{"id": "eu2.7", "tenant": {"id": "12"}}],
    }
