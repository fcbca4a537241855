"""Reads what can be read of a JSON object whose shape is not the declared one."""

from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Raw

# Raised by the decoder: malformed or misshapen JSON, text that is not UTF-8, nesting beyond the
# stack.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_T = TypeVar("_T", bound=msgspec.Struct)

_read_object = msgspec.json.Decoder(dict[str, Raw]).decode
_read_list = msgspec.json.Decoder(list[Raw]).decode


def salvage(value: Raw, wanted: type[_T]) -> tuple[_T | None, tuple[str, ...]]:
    """Read a struct, leaving out each value that does not fit its declared type.

    Nested structs are salvaged in turn, lists element by element. The second part of the answer
    names what was left out, such as `result.error.code`, so that nothing vanishes silently. The
    first part is None when the value is not even an object.
    """
    odd: list[str] = []
    found = _fit(value, wanted, "", odd)
    return found, tuple(odd)


def _fit(value: Raw, wanted: Any, path: str, odd: list[str]) -> Any:
    try:
        return msgspec.json.decode(value, type=wanted)
    except UNREADABLE:
        pass
    options = [option for option in get_args(wanted) if option is not NoneType]
    [shape] = options if len(options) == 1 and get_origin(wanted) is not list else [wanted]
    try:
        if get_origin(shape) is list:
            return _fit_list(value, get_args(shape)[0], path, odd)
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            return _fit_struct(value, shape, path, odd)
    except UNREADABLE:
        pass
    odd.append(path)
    return None


def _fit_struct(value: Raw, wanted: type[_T], path: str, odd: list[str]) -> _T:
    sent = _read_object(value)
    prefix = f"{path}." if path else ""
    return wanted(
        **{
            known.name: _fit(sent[known.encode_name], known.type, prefix + known.encode_name, odd)
            for known in msgspec.structs.fields(wanted)
            if known.encode_name in sent
        }
    )


def _fit_list(value: Raw, wanted: Any, path: str, odd: list[str]) -> list[Any]:
    fitted = (_fit(element, wanted, f"{path}[]", odd) for element in _read_list(value))
    return [element for element in fitted if element is not None]
