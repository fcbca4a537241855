"""What stands in an answer's items: cut by `fields`, with what `include` adds, in full."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from app.sandbox.detail import ACTIVITY_LEVELS, TASK_LEVELS, at_level
from tests.oracle.truth import Item, Noun, Values
from tests.oracle.worlds import World

Body = Mapping[str, Any]
INCLUDED = ("raw", "result_payload", "activities")
_LEVELS = {"tasks": TASK_LEVELS, "activities": ACTIVITY_LEVELS}


class Bodies:
    """Everything that there is at a standing clock: as it was sent, and as it is answered whole.

    How an item is answered whole is for other tests; here it must be the same in every answer.
    """

    def __init__(self, served: World) -> None:
        nouns: tuple[Noun, ...] = ("tasks", "activities")
        self._sent = {noun: {item.id: item for item in served.items(noun)} for noun in nouns}
        self._whole = {
            noun: {item["id"]: item for item in served.walk(noun, "limit=1000").items}
            for noun in nouns
        }
        self._steps: dict[str, list[Item]] = {}
        for step in sorted(self._sent["activities"].values(), key=_age):
            self._steps.setdefault(f"{step.account}.{step.at('taskId')}", []).append(step)

    def check(
        self, noun: Noun, asked: Values, shown: Body, raws: Mapping[str, msgspec.Raw]
    ) -> None:
        """Check one item of the answer to `asked`; `raws` are its keys as bytes."""
        names = {"id", *asked["fields"]} if "fields" in asked else None
        sent = self._sent[noun][shown["id"]]
        told = {key: value for key, value in shown.items() if key not in INCLUDED}
        assert told == cut(self._whole[noun][shown["id"]], names)
        included = {word.lower() for word in asked.get("include", ())}
        assert included == shown.keys() & set(INCLUDED)
        if "raw" in included:
            assert bytes(raws["raw"]) == printed(noun, sent)
        if "result_payload" in included:
            assert bytes(raws["result_payload"]) == msgspec.json.encode(
                sent.at("result", "payload")
            )
        if "activities" in included and shown["activities"] is not None:
            whole = [self._whole["activities"][step.id] for step in self._steps.get(sent.id, ())]
            assert shown["activities"] == whole


def printed(noun: Noun, sent: Item) -> bytes:
    """Return an item as the platform sends it at the level of detail that is asked for."""
    return msgspec.json.encode(at_level(sent.sent, _LEVELS[noun], "full"))


def cut(item: Any, names: Iterable[str] | None) -> Any:
    """Return of an object, or of each in a list, the keys that are named, in dotted names."""
    if names is None or item is None:
        return item
    if isinstance(item, Sequence):
        return [cut(each, names) for each in item]
    parts = [name.partition(".") for name in names]
    below = {key: {rest for first, _, rest in parts if first == key} for key, _, _ in parts}
    return {
        key: value if "" in below[key] else cut(value, below[key])
        for key, value in item.items()
        if key in below
    }


def _age(step: Item) -> tuple[int, int]:
    return step.time("created_at") or 0, step.sent["id"]
