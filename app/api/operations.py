"""What the OpenAPI document says of every operation alike: its name, failures, examples, links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from app.api import document_headers, specimens

# An alias of 32 characters, a dot and a UUID need 69; what is longer is not found.
_ID_MAX = 128
# No key, out of scope, too often: what asks nobody's name never answers these.
_OF_CALLERS = {401, 403, 429}
_INT32_MAX = 2**31 - 1


def finish(
    document: dict[str, Any],
    routes: Sequence[BaseRoute],
    *,
    anywhere: Mapping[int | str, dict[str, Any]],
) -> None:
    """Complete `document` in place; `anywhere` is what any operation may answer."""
    names = {
        (route.path_format, method.lower()): route.name
        for route in iter_route_contexts(routes)
        for method in route.methods or ()
    }
    for path, method, operation in _operations(document):
        name = str(names[path, method])
        operation["operationId"] = name
        words = name.replace("_", " ")
        # FastAPI's own summary; what a route says itself stays.
        if operation["summary"] == words.title():
            operation["summary"] = words.capitalize()
        is_open = "operation" in operation["tags"]
        _answer(operation, _to_anybody(anywhere) if is_open else anywhere)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                parameter["schema"].setdefault("maxLength", _ID_MAX)
        if is_open:
            operation["security"] = []
    for path, _, operation in _operations(document):
        _link(operation, path, document["paths"])
    _drop_unused(document)
    _say_width(document)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _to_anybody(
    anywhere: Mapping[int | str, dict[str, Any]],
) -> dict[int | str, dict[str, Any]]:
    """Return those of `anywhere` that don't depend on who asks."""
    return {status: told for status, told in anywhere.items() if status not in _OF_CALLERS}


def _answer(operation: dict[str, Any], anywhere: Mapping[int | str, dict[str, Any]]) -> None:
    told = operation["responses"]
    # Mistakes in parameters are our 400; FastAPI documents a 422 that never comes.
    told.pop("422", None)
    for status, response in anywhere.items():
        told.setdefault(str(status), response)
    operation["responses"] = dict(sorted(told.items()))
    for status, response in told.items():
        response.setdefault("headers", document_headers.of_every_answer())
        body = specimens.of_answer(operation["operationId"], status)
        for media in response.get("content", {}).values():
            if body is not None:
                media["example"] = body


def _link(operation: dict[str, Any], path: str, paths: Mapping[str, Any]) -> None:
    """Say where a list leads: to its own next page, and from an item to what is told of it."""
    links: dict[str, Any] = {}
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        links["next_page"] = {
            "operationId": operation["operationId"],
            "description": "The next page, while there is one.",
            "parameters": {"cursor": "$response.body#/page/next_cursor"},
        }
    for other, methods in paths.items():
        if other.startswith(f"{path}/{{id}}"):
            links |= {
                followed["operationId"]: {
                    "operationId": followed["operationId"],
                    "description": f"{followed['summary']} of the first item.",
                    "parameters": {"id": "$response.body#/items/0/id"},
                }
                for followed in methods.values()
            }
    if links:
        operation["responses"]["200"]["links"] = links


def _drop_unused(document: dict[str, Any]) -> None:
    tags: set[str] = set()
    slugs: set[str] = set()
    for _, _, operation in _operations(document):
        tags.update(operation["tags"])
        for response in operation["responses"].values():
            for media in response.get("content", {}).values():
                slugs.update(media.get("examples", ()))
    document["tags"] = [tag for tag in document["tags"] if tag["name"] in tags]
    examples = document["components"]["examples"]
    document["components"]["examples"] = {slug: examples[slug] for slug in sorted(slugs)}


def _say_width(node: Any) -> None:
    """Give every integer its width, so that clients with narrow ones take a wide one."""
    if isinstance(node, dict):
        if node.get("type") == "integer":
            narrow = node.get("maximum", _INT32_MAX + 1) <= _INT32_MAX
            node.setdefault("format", "int32" if narrow else "int64")
        for child in node.values():
            _say_width(child)
    elif isinstance(node, list):
        for child in node:
            _say_width(child)
