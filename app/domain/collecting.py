"""The values of a query string, each read by its parameter; what is wrong is gathered."""

import re
from collections.abc import Iterable
from typing import Any, NoReturn, TypeAlias

from app.domain.faults import Faults
from app.domain.parameter import Parameter
from app.domain.parameters import Table
from app.domain.query import IDS_MAX
from app.domain.values import ValueFaultError
from app.errors import InvalidValueError, TooManyIdsError, UnknownParameterError

Given: TypeAlias = dict[str, list[Any]]

_COMMA = re.compile(r"(?<!\\),")
# A short request with many mistakes must not cost a long answer.
_FAULTS_OF_ONE_MAX = 2
_LIST_MAX = IDS_MAX  # values between commas; a parameter may be repeated for more


def collect(pairs: Iterable[tuple[str, str]], table: Table, faults: Faults) -> Given:
    """Return the values of each parameter in `pairs`, by name; `faults` takes what is wrong."""
    given: Given = {}
    for name, text in dict.fromkeys(pairs):
        parameter = table.by_name.get(name)
        if parameter is None:
            faults.add(
                UnknownParameterError,
                name,
                "is not a parameter here",
                did_you_mean=table.nearest(name),
            )
            continue
        values = given.setdefault(name, [])
        _read(parameter, text, values, faults)
        if not parameter.many and len(values) > 1 and len(set(values)) > 1:
            faults.add(InvalidValueError, name, "is given twice", allowed="one value")
    return given


def _read(parameter: Parameter, text: str, values: list[Any], faults: Faults) -> None:
    """Read the values in `text` into `values`, and tell the first few that are wrong."""
    read, wrong = parameter.read, 0
    for piece in _pieces(parameter, text, faults):
        try:
            values.append(read(piece) if piece else _refuse_empty())
        except ValueFaultError as exc:
            faults.add(
                InvalidValueError,
                parameter.name,
                exc.detail,
                allowed=exc.allowed,
                did_you_mean=exc.did_you_mean,
            )
            wrong += 1
            if wrong == _FAULTS_OF_ONE_MAX:
                return


def _refuse_empty() -> NoReturn:
    raise ValueFaultError("is empty", "a value, or leave the parameter out")


def _pieces(parameter: Parameter, text: str, faults: Faults) -> Iterable[str]:
    """Return the values in `text`; a list of very many is refused before it costs anything."""
    if not parameter.many:
        return (text.replace("\\,", ","),)
    if text.count(",") - text.count("\\,") >= _LIST_MAX:
        kind = TooManyIdsError if parameter.name == "id" else InvalidValueError
        allowed = f"at most {_LIST_MAX} between commas"
        faults.add(kind, parameter.name, "is too long a list", allowed=allowed)
        return ()
    if "\\" in text:
        return dict.fromkeys(piece.replace("\\,", ",") for piece in _COMMA.split(text))
    return dict.fromkeys(text.split(","))
