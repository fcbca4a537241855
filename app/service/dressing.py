"""Items in the shape that was asked for: with what another round reads, cut to their fields."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from app.domain.filters import sight
from app.domain.projection import projection
from app.domain.query import Shape
from app.domain.reading import Reading
from app.service.activities import Attached, attach
from app.service.house import House
from app.service.nouns import Noun
from app.service.rounds import Rounds

Arrange: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
"""Puts the items of a page into another form."""


async def dress(
    readings: Sequence[Reading[Any]],
    shape: Shape,
    noun: Noun,
    house: House,
    rounds: Rounds,
    *,
    within: tuple[str, ...] | None,
    arrange: Arrange | None = None,
) -> Attached:
    """Return the items with the keys that `shape` asks for, some read in another round.

    Of what is read further only that `within` the asker's tenants is shown.
    """
    raw, payload = "raw" in shape.include, "result_payload" in shape.include
    dressed = Attached([reading.item_with(raw=raw, payload=payload) for reading in readings])
    if "activities" in shape.include:
        sees = sight(within, house.tenants)
        pages_max = house.scan_pages_max
        dressed = await attach(dressed.items, rounds, pages_max=pages_max, sees=sees)
    if arrange is not None:
        dressed = replace(dressed, items=arrange(dressed.items))
    if not shape.fields:
        return dressed
    cut = projection(noun.kind, shape.fields)
    return replace(dressed, items=[cut(item) for item in dressed.items])
