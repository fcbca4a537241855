"""What callers rely on stays: the document is held against the one they were last promised.

The promise is `openapi/baseline.json`. It is renewed by hand alone, at a release or with a line in
the changelog that says what breaks: `cp openapi/openapi.json openapi/baseline.json`.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.openapi.breaking import breaks

OPENAPI = Path(__file__).parent.parent.parent / "openapi"
Document = dict[str, Any]
Change = Callable[[Document], object]


def read(name: str) -> Document:
    """Return one of the documents."""
    found: Document = json.loads((OPENAPI / name).read_text(encoding="utf-8"))
    return found


def test_promise() -> None:
    """Nothing that callers were promised is gone or narrower."""
    assert breaks(read("baseline.json"), read("openapi.json")) == []


def tasks(document: Document) -> Document:
    """Return the list of tasks."""
    found: Document = document["paths"]["/v1/tasks"]["get"]
    return found


def parameter(document: Document, name: str) -> Document:
    """Return a parameter of the list."""
    (found,) = (each for each in tasks(document)["parameters"] if each["name"] == name)
    schema: Document = found
    return schema


def field(document: Document, schema: str, name: str) -> Document:
    """Return a field of an answer."""
    found: Document = document["components"]["schemas"][schema]["properties"][name]
    return found


def new_parameter(**more: object) -> Document:
    """Return a parameter that was not there."""
    return {"name": "new", "in": "query", "schema": {"type": "string"}} | more


def without(document: Document, name: str) -> None:
    """Take a parameter off the list."""
    tasks(document)["parameters"].remove(parameter(document, name))


BREAKING: dict[str, tuple[Change, str]] = {
    "path": (lambda new: new["paths"].pop("/v1/accounts"), "GET /v1/accounts: is gone"),
    "operation": (lambda new: new["paths"]["/v1/tasks"].pop("get"), "GET /v1/tasks: is gone"),
    "operation-id": (
        lambda new: tasks(new).update(operationId="tasks"),
        "GET /v1/tasks: its operationId was list_tasks",
    ),
    "status": (
        lambda new: tasks(new)["responses"].pop("304"),
        "GET /v1/tasks: status 304 is gone",
    ),
    "header": (
        lambda new: tasks(new)["responses"]["200"]["headers"].pop("Age"),
        "GET /v1/tasks: header Age of 200 is gone",
    ),
    "media-type": (
        lambda new: tasks(new)["responses"]["200"]["content"].pop("application/json"),
        "GET /v1/tasks 200: application/json is gone",
    ),
    "parameter": (lambda new: without(new, "status"), "GET /v1/tasks: parameter status is gone"),
    "new-required-parameter": (
        lambda new: tasks(new)["parameters"].append(new_parameter(required=True)),
        "GET /v1/tasks: parameter new is required",
    ),
    "parameter-now-required": (
        lambda new: parameter(new, "limit").update(required=True),
        "GET /v1/tasks: parameter limit is required",
    ),
    "parameter-type": (
        lambda new: parameter(new, "limit")["schema"].update(type="string"),
        "GET /v1/tasks ?limit: was integer, is string",
    ),
    "asked-word": (
        lambda new: parameter(new, "status")["schema"]["items"]["enum"].remove("failed"),
        "GET /v1/tasks ?status[]: failed is gone",
    ),
    "asked-words-closed": (
        lambda new: parameter(new, "type")["schema"]["items"].update(enum=["a"]),
        "GET /v1/tasks ?type[]: takes only a",
    ),
    "upper-bound": (
        lambda new: parameter(new, "limit")["schema"].update(maximum=500),
        "GET /v1/tasks ?limit: maximum was 1000, is 500",
    ),
    "lower-bound": (
        lambda new: parameter(new, "limit")["schema"].update(minimum=2),
        "GET /v1/tasks ?limit: minimum was 1, is 2",
    ),
    "new-bound": (
        lambda new: parameter(new, "type")["schema"]["items"].update(minLength=2),
        "GET /v1/tasks ?type[]: minLength was 1, is 2",
    ),
    "items-bound": (
        lambda new: parameter(new, "id")["schema"].update(maxItems=100),
        "GET /v1/tasks ?id: maxItems was 200, is 100",
    ),
    "pattern": (
        lambda new: parameter(new, "cursor")["schema"].update(pattern="^a$"),
        "GET /v1/tasks ?cursor: pattern was ^[A-Za-z0-9_-]+$, is ^a$",
    ),
    "field": (
        lambda new: new["components"]["schemas"]["Task"]["properties"].pop("title"),
        "Task.title: is gone",
    ),
    "nested-field": (
        lambda new: new["components"]["schemas"]["Tenant"]["properties"].pop("id"),
        "Tenant.id: is gone",
    ),
    "field-not-always": (
        lambda new: new["components"]["schemas"]["Task"]["required"].remove("title"),
        "Task.title: is not always there",
    ),
    "field-type": (
        lambda new: field(new, "Task", "id").update(type="integer"),
        "Task.id: was string, is integer",
    ),
    "field-nullable": (
        lambda new: field(new, "Task", "state").update(type=["string", "null"]),
        "Task.state: was string, is null or string",
    ),
    "told-word": (
        lambda new: field(new, "Task", "status_group")["enum"].append("new"),
        "Task.status_group: may be new",
    ),
    "told-words-open": (
        lambda new: field(new, "Task", "status_group").pop("enum"),
        "Task.status_group: may be any word",
    ),
    "told-bound": (
        lambda new: field(new, "PageInfo", "limit").update(maximum=5000),
        "PageInfo.limit: maximum was 1000, is 5000",
    ),
}


@pytest.mark.parametrize(("change", "told"), BREAKING.values(), ids=BREAKING)
def test_breaking(change: Change, told: str) -> None:
    """Each kind of breaking change is found, and nothing beside it."""
    old = read("openapi.json")
    new = copy.deepcopy(old)
    change(new)

    assert breaks(old, new) == [told]


def test_new_required_field() -> None:
    """A field that a caller must send from now on is a breaking change."""
    old = with_asked_object([])
    new = with_asked_object(["all"])

    assert breaks(old, new) == ["GET /v1/tasks ?deep.all: is required"]


def with_asked_object(required: list[str]) -> Document:
    """Return the document with a parameter that is an object."""
    document = read("openapi.json")
    schema = {"type": "object", "properties": {"all": {"type": "boolean"}}, "required": required}
    tasks(document)["parameters"].append({"name": "deep", "in": "query", "schema": schema})
    return document


HARMLESS: dict[str, Change] = {
    "path": lambda new: new["paths"].update({"/v2": {"get": tasks(new)}}),
    "parameter": lambda new: tasks(new)["parameters"].append(new_parameter()),
    "field": lambda new: new["components"]["schemas"]["Task"]["properties"].update(new={}),
    "open-word": lambda new: field(new, "Task", "status")["x-extensible-enum"].append("new"),
    "open-word-gone": lambda new: field(new, "Task", "status")["x-extensible-enum"].pop(),
    "asked-word": lambda new: parameter(new, "status")["schema"]["items"]["enum"].append("new"),
    "wider": lambda new: parameter(new, "limit")["schema"].update(maximum=5000),
    "narrower-answer": lambda new: field(new, "PageInfo", "limit").update(maximum=500),
    "pattern-gone": lambda new: parameter(new, "cursor")["schema"].pop("pattern"),
    "text": lambda new: tasks(new).update(description="New."),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless(change: Change) -> None:
    """What a client must bear is no breaking change."""
    old = read("openapi.json")
    new = copy.deepcopy(old)
    change(new)

    assert breaks(old, new) == []
