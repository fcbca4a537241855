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


DATE = {"type": "string", "format": "date"}


def purge(document: Document) -> Document:
    """Return the operation with a body."""
    found: Document = document["paths"]["/v1/admin/purge"]["post"]
    return found


def open_words(schema: Document) -> None:
    """Let a closed set be extended."""
    schema["x-extensible-enum"] = schema.pop("enum")


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
    "told-words-extensible": (
        lambda new: open_words(field(new, "Task", "status_group")),
        "Task.status_group: may be any word",
    ),
    "asked-choice": (
        lambda new: parameter(new, "created_after")["schema"]["anyOf"].pop(0),
        "GET /v1/tasks ?created_after: takes no such string date-time",
    ),
    "asked-choices": (
        lambda new: parameter(new, "type")["schema"]["items"].update(
            anyOf=[{"type": "string", "format": "uuid", "minLength": 1, "maxLength": 256}]
        ),
        "GET /v1/tasks ?type[]: takes no such string",
    ),
    "told-choice": (
        lambda new: field(new, "Task", "title")["anyOf"].append(DATE),
        "Task.title: may be a further string date",
    ),
    "multiple": (
        lambda new: parameter(new, "limit")["schema"].update(multipleOf=10),
        "GET /v1/tasks ?limit: multipleOf was None, is 10",
    ),
    "explode": (
        lambda new: parameter(new, "status").update(explode=False),
        "GET /v1/tasks ?status: explode was True, is False",
    ),
    "body": (
        lambda new: purge(new).pop("requestBody"),
        "POST /v1/admin/purge: the body is gone",
    ),
    "body-required": (
        lambda new: new["paths"]["/v1/accounts"]["get"].update(requestBody={"required": True}),
        "GET /v1/accounts: a body is required",
    ),
    "body-media-type": (
        lambda new: purge(new)["requestBody"]["content"].pop("application/json"),
        "POST /v1/admin/purge body: application/json is gone",
    ),
    "body-field": (
        lambda new: new["components"]["schemas"]["Purge"]["properties"].pop("tenant"),
        "Purge.tenant: is gone",
    ),
    "body-field-required": (
        lambda new: new["components"]["schemas"]["Purge"].update(required=["account"]),
        "Purge.account: is required",
    ),
    "security": (
        lambda new: purge(new).update(security=[{"bearer": []}]),
        "POST /v1/admin/purge: is not answered with apiKey",
    ),
    "security-added": (
        lambda new: new["paths"]["/metrics"]["get"].pop("security"),
        "GET /metrics: is not answered with no key",
    ),
    "security-scheme-changed": (
        lambda new: new["components"]["securitySchemes"]["apiKey"].update(name="X-Key"),
        "apiKey: is another way to sign a request",
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


def test_scheme_gone() -> None:
    """A way to sign requests that goes is missed at each operation that took it."""
    old = read("openapi.json")
    new = copy.deepcopy(old)
    del new["components"]["securitySchemes"]["apiKey"]

    found = breaks(old, new)

    assert "GET /v1/tasks: is not answered with apiKey" in found
    assert len(found) == sum("security" not in each for each in operations(old))


def operations(document: Document) -> list[Document]:
    """Return every operation."""
    return [each for methods in document["paths"].values() for each in methods.values()]


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
    "nullable-asked": lambda new: parameter(new, "limit").update(
        schema={"anyOf": [parameter(new, "limit")["schema"], {"type": "null"}]}
    ),
    "choice-more": lambda new: parameter(new, "created_after")["schema"]["anyOf"].append(DATE),
    "closed-told": lambda new: field(new, "Task", "status").update(enum=["queued"]),
    "body-optional": lambda new: purge(new)["requestBody"].update(required=False),
    "security-gone": lambda new: purge(new).update(security=[]),
    "scheme-more": lambda new: new["security"].append({"bearer": [], "apiKey": []}),
    "text": lambda new: tasks(new).update(description="New."),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_harmless(change: Change) -> None:
    """What a client must bear is no breaking change."""
    old = read("openapi.json")
    new = copy.deepcopy(old)
    change(new)

    assert breaks(old, new) == []
