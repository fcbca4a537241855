"""The parameters that filter a list: what goes to the platform and what is looked at here."""

from typing import Any

from app.domain import value_lists, values
from app.domain.catalogue import CATEGORIES
from app.domain.parameter import Parameter, enum, many, text, word
from app.domain.status import CANCELING, GROUPS, STATUSES

_NEWER = "or a newer word: one that the platform refuses is 400 `invalid-value`"
_STATES = "enqueued, assigned, started, paused, completed"
_RESULTS = "ok, error, warning, cancelled, abandoned, timedout"
# Numbers are told a little narrower than they are read, so that none is beyond the greatest.
_NUMBER = "(?:0|[1-9][0-9]{0,17}|[1-8][0-9]{18})"
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_BY_CONTEXT = "one known only by context is not matched"
_PART = (
    "`~text` means contains: whether case counts is the platform's choice when it is the only "
    "value, else case is ignored."
)


def _matching(pattern: str) -> dict[str, Any]:
    return text(values.TOKEN_LENGTH_MAX, pattern=f"^(?:{pattern})$")


def statuses(one: str) -> tuple[Parameter, ...]:
    """Return the filters of what became of it."""
    # Activities have no `cancelRequested` (P§10.2).
    words = [status for status in STATUSES if one == "task" or status != CANCELING.status]
    return (
        word("status", f"What became of the {one}, in one word.", "failed", words),
        word("status_group", "The same, coarser: a closed set.", "failure", GROUPS),
    )


def pushed(one: str) -> tuple[Parameter, ...]:
    """Return the filters that the platform has too."""
    return (*_words(), *_plans(one), *_resources(), *_circumstances())


def _words() -> tuple[Parameter, ...]:
    return (
        many(
            "state",
            f"The platform's own state: {_STATES}, {_NEWER}.",
            "started",
            value_lists.FOLDED,
        ),
        many(
            "result",
            f"The platform's own result code: {_RESULTS}, {_NEWER}.",
            "error",
            value_lists.FOLDED,
        ),
    )


def _plans(one: str) -> tuple[Parameter, ...]:
    return (
        many(
            "type",
            "The platform's type of work: a GUID or a name, as the platform spells it.",
            "UserMailboxBackup",
        ),
        many("policy_type", "Kind of plan, as the platform spells it.", "backup"),
        many(
            "policy",
            f"Id of the plan that caused the {one}, as sent, in lower or in upper case; "
            f"{_BY_CONTEXT}.",
            "33965f81-7293-45d4-9f13-dc4281d7bdfd",
            value_lists.IDS_OF_EITHER_CASE,
        ),
        many(
            "policy_name",
            f"Name of the plan, as written; {_BY_CONTEXT}. {_PART}",
            "~Nightly",
            value_lists.TEXTS,
        ),
    )


def _resources() -> tuple[Parameter, ...]:
    return (
        many(
            "resource",
            f"Id of what is worked on, as sent, in lower or in upper case; {_BY_CONTEXT}.",
            "b2c9e0b4-0c4b-4b0b-8b39-5c1f7e3a9d40",
            value_lists.IDS_OF_EITHER_CASE,
        ),
        many(
            "resource_name",
            f"Name of what is worked on, as written; {_BY_CONTEXT}. {_PART}",
            "srv-files-01",
            value_lists.TEXTS,
        ),
        many(
            "resource_type",
            f"Kind of resource, as the platform spells it; {_BY_CONTEXT}.",
            "machine",
        ),
    )


def _circumstances() -> tuple[Parameter, ...]:
    return (
        many(
            "started_by",
            f"The user who caused it, as written. {_PART}",
            "johndoe@mysite.com",
            value_lists.TEXTS,
        ),
        many("queue", "The queue it waits in, as the platform spells it.", "legacySync"),
        many(
            "priority",
            f"low, below_normal, normal, above_normal, high (belowNormal is understood), {_NEWER}.",
            "below_normal",
            value_lists.PRIORITIES,
        ),
        many("tag", "A label of the issuer; any of several is enough.", "nightly"),
        many(
            "workflow",
            "Id of the workflow it belongs to.",
            "1175855112431136768",
            value_lists.NUMBERS,
            _matching(_NUMBER),
        ),
        many(
            "agent",
            "Id of the agent or service that does the work, as the platform spells it; one known "
            "only by affinity or context is not matched.",
            "f7358a00-8469-45ae-a0c3-22952e9ed12f",
        ),
    )


def local(one: str, items: str) -> tuple[Parameter, ...]:
    """Return the filters that the platform lacks."""
    scopes = ("subtree", "exact")
    return (
        many(
            "tenant",
            f"{items.capitalize()} of a tenant and those below it, by its numeric id or its UUID. "
            "The platform tells which number a UUID stands for only in items: the tenant's own "
            "match at once, those below it as soon as one of its own was seen; until then "
            "`meta.notes` says so. For callers who see but some tenants, one outside of those is "
            f"403; so is one of their own of which no {one} was seen yet and none is among the "
            "newest.",
            "1496262",
            value_lists.TENANTS,
            _matching(f"{_NUMBER}|{_UUID}"),
        ),
        Parameter(
            "tenant_scope",
            "`exact` leaves out the tenants below those in `tenant`.",
            "exact",
            values.word(scopes),
            enum(scopes, default="subtree"),
        ),
        word("category", "The field of work.", "backup", CATEGORIES),
        many(
            "error_code", "The platform's name of the fault, as in `error.code`.", "InternalError"
        ),
        Parameter(
            "roots_only",
            f"`true` drops {items} that stand below another; those that don't say stay.",
            "true",
            values.boolean,
            {"type": "boolean", "default": False},
        ),
    )


STEPS = (
    many(
        "task",
        "Steps of these tasks: ids as answers have them, or bare.",
        "eu2.944455285181775873",
        value_lists.ITEM_IDS,
        _matching(rf"(?:[A-Za-z0-9-]{{1,32}}\.)?{_NUMBER}"),
    ),
    many(
        "parent",
        "Steps right below these activities: ids as answers have them, or bare.",
        "eu2.1175855112431136768",
        value_lists.ITEM_IDS,
        _matching(rf"(?:[A-Za-z0-9-]{{1,32}}\.)?{_NUMBER}"),
    ),
)
