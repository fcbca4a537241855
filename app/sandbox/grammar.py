"""The filter grammar (P§5): values of query parameters in, tests of one row's value out.

Functions are joined as the library behind P§5 joins them: plain values are alternatives, every
function is a condition of its own, and an absent value meets no condition but `isnull()`.
"""

import operator
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.sandbox.fields import Field, Type
from app.sandbox.refusals import bad_request
from app.sandbox.times import integer, nanoseconds

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

LENGTH_MAX = 256
_COMPARE = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_LIKE = {"like": "%{}%", "hlike": "{}%", "tlike": "%{}"}
_STRINGS = (Type.STRING, Type.TEXT)
_UUID_LENGTHS = {32, 36, 38, 45}  # bare, dashed, in braces, as urn:uuid:


def split_call(text: str) -> tuple[str, str]:
    """Split `name(argument)` at its first brackets; a plain value has the name `""`.

    Raises:
        ValueError: with the platform's text.
    """
    opening, closing = text.find("("), text.find(")")
    if opening == closing == -1:
        return "", text
    if opening == -1:
        raise ValueError(f"bad function '{text}', no opening bracket")
    if closing == -1:
        raise ValueError(f"bad function '{text}', no closing bracket")
    if closing < opening:
        raise ValueError(f"bad function '{text}', closing bracket placed before opening bracket")
    return text[:opening], text[opening + 1 : closing]


def compile_filter(name: str, field: Field, values: Sequence[str]) -> list[Test]:
    """Return the tests that a row must pass, all of them.

    Raises:
        RefusalError: 400 with a text of P§5.5.
    """
    key = field.key
    if list(values) == ["isnull()"]:
        return [lambda row: row.get(key) is None]
    if list(values) == ["notnull()"]:
        return [lambda row: row.get(key) is not None]
    if len(values) > 1 and field.type in (Type.TIME, Type.FLAG):
        raise bad_request(f"single value expected on field '{name}'")
    try:
        conditions = _conditions(name, field, values)
    except ValueError as exc:
        text = str(exc)
        raise bad_request(
            text if f"field '{name}'" in text else f"{text} on field '{name}'"
        ) from exc
    return [_on_row(key, holds) for holds in conditions]


def _conditions(name: str, field: Field, values: Sequence[str]) -> list[Callable[[Any], bool]]:
    found: list[Callable[[Any], bool]] = []
    wanted, unwanted = set(), set()
    for value in values:
        function, argument = split_call(value)
        operand = _operand(name, field, argument)
        if function == "":
            wanted.add(operand)
        elif function == "ne" and field.type in _STRINGS:
            unwanted.add(operand)
        else:
            found.append(_function(function, field, operand))
    for operand in sorted(wanted & unwanted):
        raise ValueError(
            "positive condition on value cannot be set alongside with ne function on it, "
            f"field '{name}', value '{operand}'"
        )
    if wanted:
        found.append(wanted.__contains__)
    elif unwanted:
        found.append(lambda value: value not in unwanted)
    return found


def _function(function: str, field: Field, operand: Any) -> Callable[[Any], bool]:
    if function in _COMPARE:
        return _comparison(function, operand)
    if function not in _LIKE or field.type not in _STRINGS:
        raise ValueError(f"unsupported function '{function}'")
    if field.type is Type.STRING:
        raise ValueError("like functions are unsupported")
    return _likeness(_LIKE[function].format(operand))


def _operand(name: str, field: Field, text: str) -> Any:
    if field.type is Type.TIME:
        return nanoseconds(text)
    if field.type is Type.INTEGER:
        return integer(text)
    if not text:
        raise ValueError(f"field '{name}' value is empty")
    if len(text) > LENGTH_MAX:
        raise ValueError(f"field '{name}' value is too long, max length is {LENGTH_MAX}")
    if field.type is Type.UUID:
        return _uuid(text)
    if field.type is Type.FLAG:
        return flag(text)
    if field.words is not None:
        return _word(text, field.words)
    return text


def flag(text: str) -> bool:
    """Read a boolean; raises ValueError in the words of Go's `strconv`."""
    if text not in ("true", "false"):
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text == "true"


def _word(text: str, words: Mapping[str, int]) -> int:
    # No source tells what an unknown word of an enumeration meets; declared enums get refused.
    if text not in words:
        raise ValueError(f"unknown value '{text}'")
    return words[text]


def _uuid(text: str) -> str:
    if len(text) not in _UUID_LENGTHS:
        raise ValueError(f"bad uuid format: invalid UUID length: {len(text)}")
    try:
        return str(uuid.UUID(text))
    except ValueError as exc:
        raise ValueError("bad uuid format: invalid UUID format") from exc


def _comparison(function: str, operand: Any) -> Callable[[Any], bool]:
    compare = _COMPARE[function]
    return lambda value: bool(compare(value, operand))


def _likeness(pattern: str) -> Callable[[str], bool]:
    # SQL's LIKE with case, as in PostgreSQL; `%` and `_` of the caller are not escaped (P§5.2).
    wild = {"%": ".*", "_": "."}
    matcher = re.compile("".join(wild.get(char, re.escape(char)) for char in pattern), re.DOTALL)
    return lambda value: matcher.fullmatch(value) is not None


def _on_row(key: str, holds: Callable[[Any], bool]) -> Test:
    def passes(row: Row) -> bool:
        value = row.get(key)
        if value is None:
            return False
        if isinstance(value, tuple):  # tags: any of them
            return any(holds(member) for member in value)
        return holds(value)

    return passes
