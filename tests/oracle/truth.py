"""What a list must answer by the contract: everything is looked at, and nothing of ours is used."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import app.domain

Values = Mapping[str, Sequence[str]]
Noun = Literal["tasks", "activities"]

SECOND_NS = 10**9
UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
TIMES = {
    "created_at": "enqueuedAt",
    "started_at": "startedAt",
    "completed_at": "completedAt",
    "updated_at": "updatedAt",
}
STATUS = {
    "enqueued": "queued",
    "assigned": "queued",
    "started": "running",
    "paused": "paused",
    "ok": "succeeded",
    "warning": "warning",
    "error": "failed",
    "timedout": "timed_out",
    "abandoned": "abandoned",
    "cancelled": "canceled",
}
GROUP = {
    "queued": "pending",
    "running": "active",
    "paused": "active",
    "canceling": "active",
    "succeeded": "success",
    "warning": "success",
    "failed": "failure",
    "timed_out": "failure",
    "abandoned": "failure",
    "canceled": "canceled",
    "unknown": "unknown",
}
# Compared as they are; where in an item each is.
PLAIN = {
    "type": ("type",),
    "policy_type": ("policy", "type"),
    "resource_type": ("resource", "type"),
    "queue": ("queue",),
    "workflow": ("workflowId",),
    "agent": ("executor", "id"),
}
IDS = {"policy": ("policy", "id"), "resource": ("resource", "id")}
TEXTS = {
    "policy_name": ("policy", "name"),
    "resource_name": ("resource", "name"),
    "started_by": ("startedByUser",),
}
LINKS = {"task": "taskId", "parent": "parentActivityId"}
# The catalogue is data for people to extend, and so what it says is the truth.
CATALOGUE = tomllib.loads(
    (Path(app.domain.__file__).parent / "catalogue.toml").read_text(encoding="utf-8")
)
CATEGORY_OF_TYPE = {type_.lower(): row["category"] for type_, row in CATALOGUE["types"].items()}


@dataclass(frozen=True)
class Item:
    """A task or an activity as an account holds it."""

    noun: Noun
    account: str
    sent: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Our form of its id."""
        return f"{self.account}.{self.sent['id']}"

    def at(self, *path: str) -> Any:
        """Return what is at a path, None when it is not there."""
        value: Any = self.sent
        for key in path:
            value = value.get(key) if value else None
        return value

    def time(self, field: str) -> int | None:
        """Return a time in nanoseconds; in the year 1 it is none (contract 4)."""
        key = "createdAt" if (self.noun, field) == ("activities", "created_at") else TIMES[field]
        text = self.sent.get(key, "0001-")
        return None if text.startswith("0001-") else instant(text)

    @property
    def status(self) -> str:
        """Contract 4.3."""
        if self.sent["state"] == "completed":
            return STATUS.get(self.at("result", "code"), "unknown")
        return "canceling" if self.at("cancelRequested") else STATUS[self.sent["state"]]

    @property
    def category(self) -> str:
        """Contract 4.1: by the type, else by the type of the plan."""
        by_type = CATEGORY_OF_TYPE.get(self.sent["type"].lower())
        by_policy: str | None = CATALOGUE["policies"].get((self.at("policy", "type") or "").lower())
        return by_type or by_policy or "other"


@dataclass(frozen=True)
class Truth:
    """The answer: `must` come in this order; `may` holds these and what may come besides.

    They differ where the contract leaves it to the platform whether the case of letters counts.
    """

    must: list[str]
    may: list[str]
    missing: set[str] | None
    code: str | None = None


@cache
def instant(text: str) -> int:
    """Return an RFC 3339 time with up to nine digits in nanoseconds since the epoch."""
    found = re.fullmatch(r"(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    assert found, text
    seconds = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")).timestamp()
    return int(seconds) * SECOND_NS + int((found[2] or "").ljust(9, "0"))


def moment(text: str, now_ns: int) -> int:
    """Return the moment that a bound names."""
    if text[-1] in UNIT_S:
        return now_ns - int(text[:-1]) * UNIT_S[text[-1]] * SECOND_NS
    return int(text) * SECOND_NS if text.isdecimal() else instant(text)


def truth(asked: Values, items: Iterable[Item], accounts: Sequence[str], now_ns: int) -> Truth:
    """Return what the query `asked` must be answered with, when ages count from `now_ns`."""
    items = list(items)
    numbers = numbers_of_tenants(items)
    accounts = [each.lower() for each in asked.get("account", accounts)]
    if contradicts(asked, now_ns):
        return Truth([], [], None, "conflicting-parameters")
    seen = [item for item in items if item.account in accounts]
    missing = None
    if "id" in asked:
        named = {text: [item for item in seen if is_named(item, text)] for text in asked["id"]}
        if any(len(found) > 1 for found in named.values()):
            return Truth([], [], None, "ambiguous-id")
        missing = {text for text, found in named.items() if not found}
        seen = [item for item in seen if any(item in found for found in named.values())]
    sort = asked.get("sort", ["-created_at"])[0].lower()
    field = sort.removeprefix("-")
    placed = [item for item in seen if item.time(field) is not None]
    placed.sort(
        key=lambda item: (item.time(field), item.sent["id"], item.account),
        reverse=sort.startswith("-"),
    )
    may = [item for item in placed if matches(asked, item, numbers, now_ns)]
    must = [item for item in may if matches_texts(asked, item, strictly=True)]
    return Truth([item.id for item in must], [item.id for item in may], missing)


def numbers_of_tenants(items: Iterable[Item]) -> set[tuple[str, str, str]]:
    """Return (account, UUID, number) of the tenants that items tell of."""
    told = [(item.account, item.at("tenant", "uuid"), item.at("tenant", "id")) for item in items]
    return {each for each in told if each[1]}


def contradicts(asked: Values, now_ns: int) -> bool:
    """Say whether a window is empty whatever the time: both its bounds move, or none does."""
    for field in TIMES:
        stem = field.removesuffix("_at")
        after, before = asked.get(f"{stem}_after"), asked.get(f"{stem}_before")
        if (
            after
            and before
            and (after[0][-1] in UNIT_S) == (before[0][-1] in UNIT_S)
            and moment(after[0], now_ns) >= moment(before[0], now_ns)
        ):
            return True
    return False


def is_named(item: Item, text: str) -> bool:
    """Say whether an id in one of its forms is the item's."""
    alias, dot, rest = text.lower().rpartition(".")
    if dot and alias != item.account:
        return False
    return rest in {str(item.sent["id"]), item.sent["uuid"].lower()}


def matches(asked: Values, item: Item, numbers: set[tuple[str, str, str]], now_ns: int) -> bool:
    """Say whether an item meets every filter; case of letters never counts in parts of texts."""
    return (
        matches_words(asked, item)
        and matches_ids(asked, item)
        and matches_texts(asked, item, strictly=False)
        and matches_tenant(asked, item, numbers)
        and matches_times(asked, item, now_ns)
    )


def matches_words(asked: Values, item: Item) -> bool:
    """Contract 3.1: values are ORed, parameters ANDed; our own words ignore case."""
    ours = {
        "status": item.status,
        "status_group": GROUP[item.status],
        "category": item.category,
        "state": item.sent["state"],
        "result": item.at("result", "code"),
        "priority": (item.at("priority") or "").lower(),
    }
    for name, value in ours.items():
        wanted = [each.lower() for each in asked.get(name, ())]
        if name == "priority":
            wanted = [each.replace("_", "") for each in wanted]
        if wanted and value not in wanted:
            return False
    if asked.get("roots_only", ["false"])[0].lower() == "true":
        return item.at("context", "IsProcessRoot") is not False
    return True


def matches_ids(asked: Values, item: Item) -> bool:
    """Tokens of the platform are compared as sent; ids of plans and resources in either case."""
    for name, path in PLAIN.items():
        if name in asked and str(item.at(*path)) not in asked[name]:
            return False
    for name, path in IDS.items():
        if name in asked and (item.at(*path) or "").lower() not in map(str.lower, asked[name]):
            return False
    for name, key in LINKS.items():
        number = str(item.at(key))
        wanted = [each.lower() for each in asked.get(name, ())]
        if wanted and number not in wanted and f"{item.account}.{number}" not in wanted:
            return False
    if "tag" in asked and not set(asked["tag"]) & set(item.at("tags") or ()):
        return False
    return "error_code" not in asked or item.at("result", "error", "code") in asked["error_code"]


def matches_texts(asked: Values, item: Item, *, strictly: bool) -> bool:
    """`~text` means contains; with one value alone the platform may say that case counts."""
    for name, path in TEXTS.items():
        wanted = asked.get(name, ())
        by_case = strictly and len(set(wanted)) == 1
        text = item.at(*path) or ""
        if wanted and not any(is_text(text, each, by_case=by_case) for each in wanted):
            return False
    return True


def is_text(text: str, wanted: str, *, by_case: bool) -> bool:
    """Say whether a text is the wanted one, or holds it."""
    if not wanted.startswith("~"):
        return text == wanted
    part = wanted[1:]
    return part in text if by_case else part.casefold() in text.casefold()


def matches_tenant(asked: Values, item: Item, numbers: set[tuple[str, str, str]]) -> bool:
    """The subtree counts, over the locator; a UUID stands for the number that items tell."""
    if "tenant" not in asked:
        return True
    wanted = {each.lower() for each in asked["tenant"]}
    wanted |= {number for account, uuid, number in numbers
               if account == item.account and uuid in wanted}  # fmt: skip
    own = {item.at("tenant", "id"), item.at("tenant", "uuid")}
    above = set() if is_exact(asked) else set((item.at("tenant", "locator") or "").split("/"))
    return bool(wanted & ((own | above) - {"", None}))


def is_exact(asked: Values) -> bool:
    """Say whether tenants below are left out."""
    return asked.get("tenant_scope", ["subtree"])[0].lower() == "exact"


def matches_times(asked: Values, item: Item, now_ns: int) -> bool:
    """After is inclusive, before is not; a time that is not there is in no window."""
    for field in TIMES:
        stem, at_ns = field.removesuffix("_at"), item.time(field)
        after, before = asked.get(f"{stem}_after"), asked.get(f"{stem}_before")
        if after and (at_ns is None or at_ns < moment(after[0], now_ns)):
            return False
        if before and (at_ns is None or at_ns >= moment(before[0], now_ns)):
            return False
    return True
