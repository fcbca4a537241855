"""One parameter of a query string: how it is read, and what its reader is told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain import value_lists, values


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: how a value is read, and what its reader is told.

    `read` turns one text into its value or raises ValueFaultError; `schema` is the JSON schema of
    one value. Values of a parameter that has `read_several` may be repeated or separated by commas.
    """

    name: str
    about: str
    example: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: text(values.TOKEN_LENGTH_MAX))
    read_several: Callable[[str], value_lists.Taken] | None = None

    @property
    def many(self) -> bool:
        """Whether it may have more than one value."""
        return self.read_several is not None


def many(
    name: str,
    about: str,
    example: str,
    reader: value_lists.Reader = value_lists.TOKENS,
    schema: Mapping[str, Any] | None = None,
) -> Parameter:
    """Return a parameter of many values, by default words of the platform."""
    schema = schema or text(values.TOKEN_LENGTH_MAX)
    return Parameter(name, about, example, reader.one, schema, reader.several)


def text(length_max: int, **more: Any) -> dict[str, Any]:
    """Return the JSON schema of a text that is not empty."""
    return {"type": "string", "minLength": 1, "maxLength": length_max} | more


def word(name: str, about: str, example: str, words: Iterable[str]) -> Parameter:
    """Return a parameter of many values out of our own `words`."""
    words = tuple(words)
    return many(name, about, example, value_lists.words(words), enum(words))


def enum(words: Iterable[str], default: str | None = None) -> dict[str, Any]:
    """Return the JSON schema of one of `words`."""
    schema: dict[str, Any] = {"type": "string", "enum": list(words)}
    return schema if default is None else schema | {"default": default}
