"""The parameters in the OpenAPI document: the domain's table, in OpenAPI's words."""

from typing import Any, Final

import msgspec

from app.api.middleware import TARGET_BYTES_MAX
from app.domain.parameter import Parameter
from app.domain.parameters import Table
from app.domain.query import IDS_MAX

# Each value of a repeated parameter takes four bytes of the target or more, such as `&a=b`.
_VALUES_MAX: Final = TARGET_BYTES_MAX // 4
# One or more values between commas, none empty; `\,` is a comma inside a value.
_LISTED: Final = r"^(?:[^,\\]|\\,|\\(?!,))+(?:,(?:[^,\\]|\\,|\\(?!,))+)*$"


def query_parameters(*tables: Table) -> dict[str, Any]:
    """Describe the parameters of a route."""
    each = [_parameter(one) for table in tables for one in table.by_name.values()]
    return {"parameters": each}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    about = parameter.about
    # Swagger sends every `default` along, and beside a cursor it contradicts it.
    if (default := schema.pop("default", None)) is not None:
        about = f"{about} When absent: `{_written(default)}`."
    # In the schema: an example beside it would be filled in by *Try it out*, for every parameter.
    if parameter.example:
        schema["examples"] = [_read_as(schema.get("type"), parameter.example)]
    documented: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "description": about,
        "schema": schema,
    }
    if parameter.many:
        if "enum" not in schema:
            schema["pattern"] = _listed(schema.get("pattern"))
        most = IDS_MAX if parameter.name == "id" else _VALUES_MAX
        documented["schema"] = {"type": "array", "items": schema, "maxItems": most}
        documented |= {"style": "form", "explode": True}
    return documented


def _read_as(kind: str | None, example: str) -> Any:
    """Return an example as the JSON value that a schema of this type allows."""
    return msgspec.json.decode(example) if kind in {"boolean", "integer"} else example


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _listed(one: str | None) -> str:
    """Return the pattern of several values between commas, each of which is like `one`."""
    if one is None:
        return _LISTED
    one = f"(?:{one.removeprefix('^').removesuffix('$')})"
    return f"^{one}(?:,{one})*$"
