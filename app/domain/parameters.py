"""The parameters of a list of tasks: one table reads, refuses and documents them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from app.domain import moments
from app.domain.query import IDS_MAX, LIMIT_DEFAULT, LIMIT_MAX, SORT_FIELDS, Moment
from app.domain.status import CANCELING, FINISHED, GROUPS, STATUSES, UNFINISHED

TOKEN_LENGTH_MAX = 256
# No value is longer than the request target that holds it.
_TARGET_BYTES_MAX = 8192
_LIMIT = re.compile(r"[0-9]{1,4}")
_STATES = ("enqueued", "assigned", "started", "paused", "completed")
_RESULTS = ("ok", "error", "warning", "cancelled", "abandoned", "timedout")
# Words for the same thing: ours, our group's, the platform's. Who writes one meant the other.
_SAME = tuple(
    (told.status, told.group, word)
    for word, told in (
        *UNFINISHED.items(),
        *FINISHED.items(),
        ("cancelling", CANCELING),
        ("completed", FINISHED["ok"]),
    )
)


class ValueFaultError(ValueError):
    """A value is not allowed: what is wrong, what is allowed, what was probably meant."""

    def __init__(self, detail: str, allowed: str, did_you_mean: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed
        self.did_you_mean = did_you_mean


def _text(length_max: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": length_max} | more


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: how a value is read, and what its reader is told.

    `read` turns one text into its value or raises ValueFaultError; `schema` is the JSON schema of
    one value. Values of a `many` parameter may be repeated or separated by commas.
    """

    name: str
    about: str
    example: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: _text(TOKEN_LENGTH_MAX))
    many: bool = False


def nearest(word: str, words: tuple[str, ...]) -> str | None:
    """Return the allowed word that was probably meant."""
    same = [other for row in _SAME if word in row for other in row if other in words]
    return next(iter(same or get_close_matches(word, words, 1)), None)


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if (word := text.lower()) in words:
            return word
        raise ValueFaultError(f"{text!r} is not allowed", ", ".join(words), nearest(word, words))

    return read


def _token(text: str) -> str:
    # The platform reads brackets as a function call and has no escape for them (P§5.2).
    if "(" in text or ")" in text:
        raise ValueFaultError("brackets can't be asked of the platform", "text without brackets")
    if len(text) > TOKEN_LENGTH_MAX:
        raise ValueFaultError("is too long", f"at most {TOKEN_LENGTH_MAX} characters")
    return text


def _folded(text: str) -> str:
    return _token(text).lower()


def _moment(text: str) -> Moment:
    try:
        return moments.read_moment(text)
    except moments.MomentError as exc:
        raise ValueFaultError(f"{text!r} {exc.reason}", moments.ALLOWED, exc.did_you_mean) from None


def _limit(text: str) -> int:
    if _LIMIT.fullmatch(text) and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise ValueFaultError(f"{text!r} is not allowed", f"a whole number from 1 to {LIMIT_MAX}")


def _verbatim(text: str) -> str:
    return text


_SORTS = tuple(sign + name for name in SORT_FIELDS for sign in ("-", ""))


def _enum(*words: str, default: str | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "enum": list(words)}
    return schema if default is None else schema | {"default": default}


# Ages are told a little narrower than they are read, so that none is beyond the longest.
_MOMENT = _text(
    64,
    anyOf=[
        _text(64, format="date-time"),
        _text(10, pattern="^(?:[0-9]{1,10}|[0-9]{1,8}s|[0-9]{1,7}m|[0-9]{1,5}h|[0-9]{1,4}d)$"),
    ],
)


def _bounds(name: str, meaning: str) -> tuple[Parameter, Parameter]:
    return (
        Parameter(
            f"{name}_after",
            f"Tasks {meaning} at this moment or later. {moments.ALLOWED}.",
            "24h",
            _moment,
            _MOMENT,
        ),
        Parameter(
            f"{name}_before",
            f"Tasks {meaning} before this moment, so that windows tile.",
            "2026-11-23T10:00:00Z",
            _moment,
            _MOMENT,
        ),
    )


_TABLE = (
    Parameter(
        "account", "Aliases of the accounts to ask; all when absent.", "eu2", str.lower, many=True
    ),
    Parameter(
        "id",
        f"Batch get: up to {IDS_MAX} ids, each `<account>.<id>`, a bare upstream id, or a UUID. "
        "Those not found stand in `meta.missing_ids`, as they were sent.",
        "eu2.944455285181775873",
        _verbatim,
        _text(_TARGET_BYTES_MAX),
        many=True,
    ),
    Parameter(
        "status",
        "What became of the task, in one word.",
        "failed",
        _word(*STATUSES),
        _enum(*STATUSES),
        many=True,
    ),
    Parameter(
        "status_group",
        "The same, coarser: a closed set.",
        "failure",
        _word(*GROUPS),
        _enum(*GROUPS),
        many=True,
    ),
    Parameter(
        "state",
        f"The platform's own state: {', '.join(_STATES)}, or a newer word.",
        "started",
        _folded,
        many=True,
    ),
    Parameter(
        "result",
        f"The platform's own result code: {', '.join(_RESULTS)}, or a newer word.",
        "error",
        _folded,
        many=True,
    ),
    Parameter(
        "type",
        "The platform's type of work: a GUID or a name, as the platform spells it.",
        "UserMailboxBackup",
        _token,
        many=True,
    ),
    *_bounds("created", "created"),
    *_bounds("started", "started"),
    *_bounds("completed", "completed"),
    *_bounds("updated", "last changed"),
    Parameter(
        "sort",
        "The order of the walk; `-` means newest first. Ties go by numeric id, then account.",
        "-created_at",
        _word(*_SORTS),
        _enum(*_SORTS, default="-created_at"),
    ),
    Parameter(
        "limit",
        "The most tasks on one page.",
        "5",
        _limit,
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    Parameter(
        "cursor",
        "Where to go on, from `page.next_cursor`. Alone it repeats the whole query; filters beside "
        "it must be those it was made for. `limit` may change.",
        "",
        _verbatim,
        _text(_TARGET_BYTES_MAX, pattern="^[A-Za-z0-9_-]+$"),
    ),
    Parameter(
        "partial",
        "`allow` answers with the accounts that work and says so in `meta`; "
        "`deny` makes one failed account an error.",
        "deny",
        _word("allow", "deny"),
        _enum("allow", "deny", default="allow"),
    ),
)

PARAMETERS: Mapping[str, Parameter] = {parameter.name: parameter for parameter in _TABLE}
