"""The values of a query string, each read by its parameter; what is wrong is gathered."""

from collections.abc import Iterable
from typing import Any, NoReturn, TypeAlias

from app.domain.faults import Faults
from app.domain.parameter import Parameter
from app.domain.parameters import Table
from app.domain.query import IDS_MAX
from app.domain.values import ValueFaultError
from app.errors import InvalidValueError, RequestError, TooManyIdsError, UnknownParameterError

Given: TypeAlias = dict[str, list[Any]]

# They stand for a comma inside a value, and one between two; no decoded text holds either.
_ESCAPED, _BETWEEN = "\ud800", "\ud801"
# A short request with many mistakes must not cost a long answer.
_FAULTS_OF_ONE_MAX = 2
_LIST_MAX = 100  # values between commas; a parameter may be repeated for more


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
    if parameter.read_several is None:
        _read_one(parameter, text.replace("\\,", ","), values, faults)
        return
    if _is_too_long(parameter, text, faults):
        return
    escapes = "\\" in text
    rest: str | None = text.replace("\\,", _ESCAPED) if escapes else text
    wrong: list[str] = []
    while rest is not None and len(wrong) < _FAULTS_OF_ONE_MAX:
        good, rest = parameter.read_several(rest)
        if escapes and good:
            good = _BETWEEN.join(good).replace(_ESCAPED, ",").split(_BETWEEN)
        values += good
        if rest is not None:
            piece, comma, after = rest.partition(",")
            rest = after if comma else None
            if piece in wrong or not _read_one(
                parameter, piece.replace(_ESCAPED, ","), values, faults
            ):
                wrong.append(piece)


def _read_one(parameter: Parameter, text: str, values: list[Any], faults: Faults) -> bool:
    """Read the value `text` into `values`; say whether it is one."""
    try:
        values.append(parameter.read(text) if text else _refuse_empty())
    except ValueFaultError as exc:
        faults.add(
            InvalidValueError,
            parameter.name,
            exc.detail,
            allowed=exc.allowed,
            did_you_mean=exc.did_you_mean,
        )
        return False
    return True


def _refuse_empty() -> NoReturn:
    raise ValueFaultError("is empty", "a value, or leave the parameter out")


def _is_too_long(parameter: Parameter, text: str, faults: Faults) -> bool:
    """Say whether `text` is a list of very many: refused before it costs anything."""
    most = IDS_MAX if parameter.name == "id" else _LIST_MAX
    if text.count(",") < most or text.count(",") - text.count("\\,") < most:
        return False
    kind: type[RequestError] = InvalidValueError
    allowed = f"at most {most} between commas; it may be repeated for more"
    if parameter.name == "id":
        kind, allowed = TooManyIdsError, f"at most {most}"
    faults.add(kind, parameter.name, "is too long a list", allowed=allowed)
    return True
