"""The OpenAPI document says what the service does: it is made of the same tables."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from app.domain.parameters import TASK_PARAMETERS
from app.domain.task import Task
from app.errors import RequestError, ServiceError, UpstreamError
from app.main import create_app
from tests.support.serving import configured


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as it leaves, made once."""
    made: dict[str, Any] = json.loads(json.dumps(create_app(configured("eu2")).openapi()))
    return made


def below(kind: type[ServiceError]) -> set[str]:
    """Return the slugs of all errors of a kind."""
    if hasattr(kind, "slug"):
        return {kind.slug}
    return {slug for child in kind.__subclasses__() for slug in below(child)}


def test_valid(document: dict[str, Any]) -> None:
    """The document is valid OpenAPI."""
    validate(document)


def test_made_once(app: FastAPI) -> None:
    """The document is made once and then kept."""
    assert app.openapi() is app.openapi()


def test_task(document: dict[str, Any]) -> None:
    """Every field of a task is there, sent unless it is opt-in, described, with its examples."""
    schema = document["components"]["schemas"]["Task"]
    fields = schema["properties"]

    assert set(fields) == set(Task.__struct_fields__)
    assert set(fields) - set(schema["required"]) == {"raw", "result_payload", "activities"}
    assert not [name for name, field in fields.items() if not field.get("description")]
    assert fields["created_at"]["examples"] == ["2020-04-22T11:34:03.290Z"]
    assert fields["created_at"]["format"] == "date-time"


def test_schemas_described(document: dict[str, Any]) -> None:
    """Each schema says what it is."""
    schemas = document["components"]["schemas"]

    assert not [name for name, schema in schemas.items() if not schema.get("description")]


@pytest.mark.parametrize("name", TASK_PARAMETERS.by_name)
def test_parameters(document: dict[str, Any], name: str) -> None:
    """Every parameter of the table is documented, with a schema and an example."""
    listed = document["paths"]["/v1/tasks"]["get"]["parameters"]
    (parameter,) = [each for each in listed if each["name"] == name]

    assert parameter["in"] == "query"
    assert parameter["description"]
    schema = parameter["schema"]
    assert (schema["type"] == "array") == TASK_PARAMETERS.by_name[name].many
    assert name == "cursor" or schema.get("items", schema)["examples"]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/tasks", {"account-not-found", "ambiguous-id"}),
        ("/v1/tasks/{id}", {"task-not-found", "ambiguous-id"}),
    ],
)
def test_failures(document: dict[str, Any], path: str, more: set[str]) -> None:
    """Every slug that a route can answer with is listed under its status."""
    told = document["paths"][path]["get"]["responses"]
    text = " ".join(response["description"] for response in told.values())
    refused = below(RequestError) if path == "/v1/tasks" else {"unknown-parameter"}
    refused -= {"route-not-found", "method-not-allowed", "task-not-found", "activity-not-found"}

    for slug in below(UpstreamError) | refused | more | {"internal", "uri-too-long"}:
        assert f"`{slug}`" in text
    assert "422" not in told
    assert {"200", "304"} <= set(told)


def test_references(document: dict[str, Any]) -> None:
    """Problems and answers refer to schemas that are there."""
    told = document["paths"]["/v1/tasks"]["get"]["responses"]

    problem = told["502"]["content"]["application/problem+json"]["schema"]
    assert problem == {"$ref": "#/components/schemas/Problem"}
    listed = told["200"]["content"]["application/json"]["schema"]
    assert listed == {"$ref": "#/components/schemas/TaskList"}
    assert {"Problem", "TaskList", "Account"} <= set(document["components"]["schemas"])
