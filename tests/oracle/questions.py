"""Questions that data answers: values out of it so that they match often, and odd ones beside."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from tests.oracle.truth import (
    GROUP,
    IDS,
    LINKS,
    PLAIN,
    SECOND_NS,
    TEXTS,
    TIMES,
    Item,
    Noun,
    Values,
)

Question = dict[str, list[str]]
Many = st.SearchStrategy[list[str]]

STATES = ("enqueued", "assigned", "started", "paused", "completed")
RESULTS = ("ok", "error", "warning", "cancelled", "abandoned", "timedout")
PRIORITIES = ("low", "below_normal", "belowNormal", "normal", "ABOVE_NORMAL", "high")
CATEGORIES = ("backup", "recovery", "vulnerability_scan", "malware_scan", "agent", "plan", "other")
ODD = (
    "(", ")", "(full)", "~(", "~)", "~(f", "~l) ", "%", "~%", "_", "~_", "~a_", "\\", "~\\",
    "~n \\ o", ",", "~,", "~~", "isnull()", "notnull()", "gt(1)", "ne(x)", "like(a)", "~like(a)",
    "like(%)", "~'", '~"', "~ ", "0", "*", "~.", "ß", "~SS", "~ü", "~Ü", "\u0130",
    "~i\u0307", "a" * 256,
)  # fmt: skip
MISSING = ("0", "7", "eu2.7", "zz.7", "nonsense", "eu2.", ".7", "9223372036854775808", "EU2.7")
MISSING_UUID = "00000000-0000-4000-8000-000000000000"
FIELDS = (
    "id", "status", "tenant.id", "tenant.ancestor_ids", "error", "error.message", "policy.name",
    "warnings.code", "warnings", "resource", "resource.type", "progress.percent", "created_at",
)  # fmt: skip
INCLUDED: dict[Noun, tuple[str, ...]] = {
    "tasks": ("raw", "result_payload", "activities"),
    "activities": ("raw", "result_payload"),
}
LASTING = {
    "type", "policy", "policy_name", "policy_type", "resource", "resource_name", "resource_type",
    "started_by", "queue", "priority", "tag", "workflow", "task", "parent", "tenant",
    "tenant_scope", "roots_only", "category", "account", "created_after", "created_before",
}  # fmt: skip
LIMITS = ("1", "2", "3", "7", "25", "100", "1000")
AGES = ("0s", "1s", "90m", "6h", "24h", "36h", "2d", "3d", "1w")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def questions(noun: Noun, items: Sequence[Item], accounts: Sequence[str]) -> Any:
    """Draw questions about `items`; each is the values of some parameters."""
    parameters = {
        **words(noun),
        **tokens(noun, items),
        **{name: texts(distinct(items, path)) for name, path in TEXTS.items()},
        **bounds(items),
        "tenant": several(either_case(tenants(items))),
        "tenant_scope": one_of(("exact", "subtree", "EXACT")),
        "roots_only": one_of(("true", "false", "TRUE")),
        "account": several(either_case(accounts)),
        "id": several(ids(items), most=12),
        "sort": one_of([sign + field for field in TIMES for sign in ("", "-")]),
        "limit": one_of(LIMITS),
        "partial": one_of(("allow", "deny")),
        "fields": several(st.sampled_from(FIELDS)),
        "include": several(recased(INCLUDED[noun]), most=3),
    }
    # Both bounds of one time meet seldom by chance, and so does the order by it.
    windows = [(f"{stem}_after", f"{stem}_before") for stem in ("created", "started", "completed")]
    groups: list[tuple[str, ...]] = [(name,) for name in sorted(parameters)]
    groups += [*windows, *((*window, "sort") for window in windows), ("tenant", "tenant_scope")]
    names = st.lists(st.sampled_from(groups), max_size=4, unique=True).map(
        lambda chosen: sorted({name for group in chosen for name in group})
    )
    return st.tuples(names, st.sampled_from(items)).flatmap(
        lambda drawn: st.fixed_dictionaries(
            {name: around(drawn[1], name, parameters[name]) for name in drawn[0]}
        )
    )


def lasting_questions(noun: Noun, items: Sequence[Item], accounts: Sequence[str]) -> Any:
    """Draw questions whose answers only grow: nothing that changes as an item goes on."""
    return questions(noun, items, accounts).map(
        lambda asked: {
            name: values
            for name, values in asked.items()
            if name in LASTING and (not name.startswith("created_") or values[0] not in AGES)
        }
    )


def around(item: Item, name: str, values: Many) -> Many:
    """Draw values of which one selects `item`, most of the time; at random few would meet."""
    own = of_item(item, name)
    if own is None:
        return values
    alone = st.just([own])
    if name.endswith("_after"):
        return alone | alone | values
    if name.endswith("_before"):
        return alone | values | values
    return alone | values.map(lambda others: [*others, own]) | values


def of_item(item: Item, name: str) -> str | None:
    """Return a value of a filter that selects `item`, None when there is none."""
    stem, _, end = name.rpartition("_")
    if end in {"after", "before"}:
        at_ns = item.time(f"{stem}_at")
        return None if at_ns is None else spelt(at_ns, end == "before", "Z")
    paths = {
        **PLAIN,
        **IDS,
        **TEXTS,
        **{name: (key,) for name, key in LINKS.items()},
        "tenant": ("tenant", "id"),
        "error_code": ("result", "error", "code"),
        "result": ("result", "code"),
        "state": ("state",),
        "priority": ("priority",),
    }
    if name in paths:
        value = item.at(*paths[name])
        return None if value in {None, ""} else str(value)
    told = {
        "account": item.account,
        "id": item.id,
        "status": item.status,
        "status_group": GROUP[item.status],
        "category": item.category,
        "tag": next(iter(item.at("tags") or ()), None),
    }
    return told.get(name)


def words(noun: Noun) -> dict[str, Many]:
    """Our own words, whatever their case."""
    statuses = [each for each in GROUP if noun == "tasks" or each != "canceling"]
    drawn = {
        "status": statuses,
        "status_group": sorted(set(GROUP.values())),
        "category": CATEGORIES,
        "state": STATES,
        "result": RESULTS,
        "priority": PRIORITIES,
    }
    if noun == "activities":
        del drawn["priority"]
    return {name: several(recased(each)) for name, each in drawn.items()}


def tokens(noun: Noun, items: Sequence[Item]) -> dict[str, Many]:
    """Words and ids of the platform, as it spells them, and odd ones."""
    drawn: dict[str, st.SearchStrategy[str]] = {
        name: st.sampled_from(distinct(items, path)) for name, path in PLAIN.items()
        if distinct(items, path)
    }  # fmt: skip
    drawn |= {name: either_case(distinct(items, path)) for name, path in IDS.items()}
    tags = sorted({tag for item in items for tag in item.at("tags") or ()})
    drawn |= {
        "tag": st.sampled_from([*tags, "none"]),
        "error_code": st.sampled_from([*distinct(items, ("result", "error", "code")), "None"]),
    }
    known = {name: several(values if name == "workflow" else with_odd(values))
             for name, values in drawn.items()}  # fmt: skip
    if noun == "tasks":
        return known
    links = {
        name: several(
            st.sampled_from([str(item.at(key)) for item in items if item.at(key)])
            | st.sampled_from([f"{item.account}.{item.at(key)}" for item in items if item.at(key)])
        )
        for name, key in LINKS.items()
    }
    return {name: each for name, each in known.items() if name not in {"agent", "queue"}} | links


def texts(values: Sequence[str]) -> Many:
    """Whole texts, parts of them behind `~`, and odd ones."""
    whole = st.sampled_from(values)
    part = st.tuples(whole, st.integers(0, 12), st.integers(1, 12), st.sampled_from(CASES)).map(
        lambda drawn: "~" + (drawn[3](drawn[0])[drawn[1] :][: drawn[2]] or drawn[0][:1])
    )
    return several(with_odd(whole | part), most=3)


def bounds(items: Sequence[Item]) -> dict[str, Many]:
    """Both bounds of each time: on instants of the data, a nanosecond off, or ages."""
    drawn = {}
    for field in TIMES:
        instants = sorted({at_ns for item in items if (at_ns := item.time(field)) is not None})
        exact = st.builds(
            spelt,
            st.sampled_from(instants),
            st.sampled_from((0, 0, 0, 0, 1, -1)),
            st.sampled_from(("Z", "Z", "+02:00", "-11:30", "s")),
        )
        for end in ("after", "before"):
            drawn[f"{field.removesuffix('_at')}_{end}"] = one(
                exact | exact | exact | st.sampled_from(AGES)
            )
    return drawn


def spelt(at_ns: int, off_ns: int, offset: str) -> str:
    """Write an instant as RFC 3339 with an offset, or as epoch seconds."""
    seconds, fraction = divmod(at_ns + off_ns, SECOND_NS)
    if offset == "s":
        return str(seconds)
    shift = {"Z": 0, "+02:00": 7_200, "-11:30": -41_400}[offset]
    local = f"{EPOCH + timedelta(seconds=seconds + shift):%Y-%m-%dT%H:%M:%S}"
    return f"{local}.{fraction:09d}{offset}"


def ids(items: Sequence[Item]) -> st.SearchStrategy[str]:
    """All three forms of ids, in either case, and some that nothing has."""
    item = st.sampled_from(items)
    return (
        item.map(lambda each: each.id)
        | item.map(lambda each: each.id.upper())
        | item.map(lambda each: str(each.sent["id"]))
        | item.map(lambda each: each.sent["uuid"])
        | item.map(lambda each: f"{each.account}.{each.sent['uuid'].upper()}")
        | st.sampled_from((*MISSING, MISSING_UUID))
    )


def tenants(items: Sequence[Item]) -> list[str]:
    """Numbers and UUIDs of tenants, the partner above all and one unknown included."""
    return ["1", "1496262", "77", MISSING_UUID] + [
        each for key in ("id", "uuid") for each in distinct(items, ("tenant", key))
    ]


def distinct(items: Iterable[Item], path: Sequence[str]) -> list[str]:
    """Return the values that items have at a path, sorted."""
    return sorted({str(item.at(*path)) for item in items if item.at(*path)})


CASES: tuple[Callable[[str], str], ...] = (str, str, str.lower, str.upper)


def recased(values: Iterable[str]) -> st.SearchStrategy[str]:
    """Draw one of `values` in some case."""
    return st.sampled_from([case(each) for each in values for case in CASES])


def either_case(values: Iterable[str]) -> st.SearchStrategy[str]:
    """Draw one of `values`, as it is or all in one case."""
    return recased(values)


def with_odd(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw from `values`, or now and then what may be taken for something else."""
    return values | values | values | st.sampled_from(ODD)


def several(values: st.SearchStrategy[str], most: int = 4) -> Many:
    """Draw one to `most` values."""
    return st.lists(values, min_size=1, max_size=most)


def one(values: st.SearchStrategy[str]) -> Many:
    """Draw one value."""
    return values.map(lambda value: [value])


def one_of(values: Sequence[str]) -> Many:
    """Draw one of `values`."""
    return one(st.sampled_from(values))


def query_string(asked: Values) -> str:
    """Write a question: values between commas as long as none could be mistaken."""
    pairs = []
    for name, values in asked.items():
        escaped = [quote(value.replace(",", "\\,"), safe="~") for value in values]
        if len(values) % 2 or any(value.endswith("\\") for value in values):
            pairs += [f"{name}={value}" for value in escaped]
        else:
            pairs.append(f"{name}={','.join(escaped)}")
    return "&".join(pairs)
