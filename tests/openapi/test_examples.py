"""The examples of the document are answers of the service."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from app.api import specimens
from app.errors import RequestError
from app.main import create_app
from tests.openapi.recording import EXAMPLES, record
from tests.support.serving import configured

DOCUMENT: dict[str, Any] = create_app(configured("eu2")).openapi()


def contents() -> Iterator[Any]:
    """Every body that an operation may answer with."""
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                for media in response.get("content", {}).values():
                    yield pytest.param(media, id=f"{operation['operationId']}-{status}")


def parameters() -> Iterator[Any]:
    """Every parameter of a query string that an operation takes."""
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                name = f"{operation['operationId']}-{parameter['name']}"
                yield pytest.param(parameter["schema"], id=name)


@pytest.mark.parametrize("schema", list(parameters()))
def test_parameters(schema: dict[str, Any]) -> None:
    """The examples of a parameter are allowed, and no default makes *Try it out* send it."""
    one = schema.get("items", schema)

    assert "default" not in one
    assert [fault.message for each in one.get("examples", ()) for fault in faults(one, each)] == []


def given(media: dict[str, Any]) -> list[Any]:
    """Return the examples of a body."""
    named = [each["$ref"].rpartition("/")[2] for each in media.get("examples", {}).values()]
    kept = [DOCUMENT["components"]["examples"][name]["value"] for name in named]
    return kept + ([media["example"]] if "example" in media else [])


async def test_recorded() -> None:
    """Every example is what the service answers today; `make openapi` records them anew."""
    assert json.loads(EXAMPLES.read_text(encoding="utf-8")) == await record()


@pytest.mark.parametrize("media", list(contents()))
def test_valid(media: dict[str, Any]) -> None:
    """Every body has an example that its schema allows; `make openapi` records one."""
    examples = given(media)

    assert examples
    schema = media["schema"] | {"components": DOCUMENT["components"]}
    assert [fault.message for each in examples for fault in faults(schema, each)] == []


def faults(schema: dict[str, Any], example: Any) -> list[Any]:
    """Return what `schema` has against an example."""
    return list(OAS31Validator(schema).iter_errors(example))


def test_invalid() -> None:
    """An example that its schema forbids is found."""
    schema = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}

    assert faults(schema, {"type": 1})


def test_never_met() -> None:
    """A problem that was never met has an example made of what its class says."""

    class NewError(RequestError):
        """The new mistake.

        More of it.
        """

        slug, status, title = "new-mistake", 400, "New mistake"

    made = specimens.of_problems([NewError])["new-mistake"]

    assert made["summary"] == "New mistake"
    assert made["value"]["detail"] == "The new mistake."
    assert specimens.reference(NewError) == {"$ref": "#/components/examples/new-mistake"}
