"""The parameters of lists and single objects: one table each reads, refuses and documents them."""

from collections.abc import Iterable, Mapping

from app.domain import moments, value_lists, values
from app.domain.activity import Activity
from app.domain.columns import COLUMNS, LACKING_IN_ACTIVITIES, TIMES
from app.domain.filter_parameters import STEPS, local, pushed, statuses
from app.domain.parameter import Parameter, enum, many, text, word
from app.domain.projection import names_of
from app.domain.query import (
    IDS_MAX,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    SORT_FIELDS,
    ActivityQuery,
    TaskQuery,
)
from app.domain.spelling import Vocabulary
from app.domain.task import Task

# No value is longer than the request target that holds it.
_TARGET_BYTES_MAX = 8192
# Ages are told a little narrower than they are read, so that none is beyond the longest.
_MOMENT = text(
    64,
    anyOf=[
        text(64, format="date-time"),
        text(10, pattern="^(?:[0-9]{1,10}|[0-9]{1,8}s|[0-9]{1,7}m|[0-9]{1,5}h|[0-9]{1,4}d)$"),
    ],
)
_SORTS = tuple(sign + name for name in SORT_FIELDS for sign in ("-", ""))


class Table:
    """The parameters of one route, by name and in the order they are documented.

    `query` is what a list's parameters make.
    """

    def __init__(self, parameters: Iterable[Parameter], query: type[TaskQuery] = TaskQuery) -> None:
        self.by_name: Mapping[str, Parameter] = {each.name: each for each in parameters}
        self.query = query
        self._vocabulary = Vocabulary(
            self.by_name, {word: name for word, name in _MEANT.items() if name in self.by_name}
        )

    def nearest(self, name: str) -> str | None:
        """Return the parameter that was probably meant."""
        return self._vocabulary.nearest(name)


def _parameters(
    one: str, others: tuple[Parameter, ...], left_out: Iterable[str]
) -> list[Parameter]:
    """Return the parameters of a list of `one`s, without those that it lacks."""
    items = "activities" if one == "activity" else f"{one}s"
    table = (
        many(
            "account",
            "Aliases of the accounts to ask; all when absent.",
            "eu2",
            value_lists.ALIASES,
        ),
        many(
            "id",
            f"Batch get: up to {IDS_MAX} ids, each `<account>.<id>`, a bare upstream id, or a UUID."
            " Those not found stand in `meta.missing_ids`, as they were sent.",
            "eu2.944455285181775873",
            value_lists.VERBATIM,
            text(_TARGET_BYTES_MAX),
        ),
        *statuses(one),
        *pushed(one),
        *others,
        *local(one, items),
        *_bounds(items, "created", "created"),
        *_bounds(items, "started", "started"),
        *_bounds(items, "completed", "completed"),
        *_bounds(items, "updated", "last changed"),
        *_paging(items),
        *_shape(one),
    )
    return [parameter for parameter in table if parameter.name not in left_out]


def _bounds(items: str, name: str, meaning: str) -> tuple[Parameter, Parameter]:
    return (
        Parameter(
            f"{name}_after",
            f"{items.capitalize()} {meaning} at this moment or later. {moments.ALLOWED}.",
            "24h",
            values.moment,
            _MOMENT,
        ),
        Parameter(
            f"{name}_before",
            f"{items.capitalize()} {meaning} before this moment, so that windows tile.",
            "2026-11-23T10:00:00Z",
            values.moment,
            _MOMENT,
        ),
    )


def _paging(items: str) -> tuple[Parameter, ...]:
    return (
        Parameter(
            "sort",
            "The order of the walk; `-` means newest first. Ties go by numeric id, then account.",
            "-created_at",
            values.word(_SORTS),
            enum(_SORTS, default="-created_at"),
        ),
        Parameter(
            "limit",
            f"The most {items} on one page.",
            "5",
            values.limit,
            {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        ),
        Parameter(
            "cursor",
            "Where to go on, from `page.next_cursor`. Alone it repeats the whole query; what "
            "stands beside it must be what it was made for. `limit` and `partial` may change.",
            "",
            values.verbatim,
            text(_TARGET_BYTES_MAX, pattern="^[A-Za-z0-9_-]+$"),
        ),
        Parameter(
            "partial",
            "`allow` answers with the accounts that work and says so in `meta`; "
            "`deny` makes one failed account an error. A cursor does not hold it: repeat it.",
            "deny",
            values.word(("allow", "deny")),
            enum(("allow", "deny"), default="allow"),
        ),
    )


def _shape(one: str) -> tuple[Parameter, ...]:
    kind = Task if one == "task" else Activity
    include = ("raw", "result_payload", *(("activities",) if one == "task" else ()))
    return (
        many(
            "fields",
            "Keys to answer, all when absent: names, with dots for parts (`tenant.id`; "
            "`warnings.code` in each element). `id` and what `include` asks for always stay.",
            "tenant.id",
            value_lists.names(
                names_of(kind), f"keys of {one} objects, such as status or tenant.id"
            ),
            enum(sorted(names_of(kind))),
        ),
        word(
            "include",
            "Keys that are answered only when asked for: `raw` is what the platform sent, "
            "untouched; `result_payload` what the work returned"
            + ("; `activities` the steps of the task." if one == "task" else "."),
            "raw",
            include,
        ),
    )


_VIEW = Parameter(
    "view",
    "`flat` lists the steps; `tree` puts each below its parent, in `children`.",
    "tree",
    values.word(("flat", "tree")),
    enum(("flat", "tree"), default="flat"),
)

# What callers write who know the platform or other interfaces, in lower case.
_MEANT = {
    **{column.param.lower(): name for name, column in COLUMNS.items()},
    **{
        sent.lower(): f"{field.removesuffix('_at')}_after"
        for names in TIMES.values()
        for field, sent in names.items()
    },
    **{f"{field}": f"{field.removesuffix('_at')}_after" for field in SORT_FIELDS},
    **{f"{name}_id": name for name in ("account", "policy", "resource", "agent", "tenant")},
    **{f"{name}_id": name for name in ("workflow", "task", "parent")},
    "after": "cursor",
    "order": "sort",
    "order_by": "sort",
    "page_size": "limit",
    "per_page": "limit",
    "uuid": "id",
}

TASK_PARAMETERS = Table(_parameters("task", (), ()))
ACTIVITY_PARAMETERS = Table(_parameters("activity", STEPS, LACKING_IN_ACTIVITIES), ActivityQuery)
TASK_ITEM_PARAMETERS = Table(_shape("task"))
ACTIVITY_ITEM_PARAMETERS = Table(_shape("activity"), ActivityQuery)
TASK_ACTIVITIES_PARAMETERS = Table((_VIEW, *_shape("activity")), ActivityQuery)
