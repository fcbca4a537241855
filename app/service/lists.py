"""The envelope of a page, and what it says of its own completeness."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from app.domain.cursor import CURSOR_LENGTH_MAX, CursorCodec
from app.domain.query import Age, Position, TaskQuery
from app.errors import UriTooLongError
from app.service.encode import Answer, encode_page, time_text
from app.service.envelope import AccountMeta, ListMeta, PageInfo
from app.service.nouns import Noun
from app.service.outcome import Outcome
from app.service.walk import Slice

# Longer in a cursor than any there is: digits that don't repeat can't be packed.
_LONGEST = Position(-1_795_428_036_741_259_380, -8_529_630_741_852_147_096, "", -1_000)
Rest: TypeAlias = Callable[[], Awaitable[None]]
# No cursor of a query that prints in fewer bytes is too long: the place and the accounts that
# failed add less than as much again and some bytes, and the cursor's letters a third.
_SHORT = CURSOR_LENGTH_MAX // 4
_MAY_LACK = {"started_at", "completed_at"}


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows: items ready to encode, where the walk goes on, remarks for people."""

    items: Sequence[Any] = ()
    next: Position | None = None
    missing: tuple[str, ...] | None = None
    scanned_counts: bool = False
    notes: tuple[str, ...] = ()
    denied: bool = False


class ListPage:
    """Makes the answer to one query; `anchor_ns` is the now that its ages were counted from."""

    def __init__(
        self, noun: Noun, query: TaskQuery, *, anchor_ns: int, cursors: CursorCodec
    ) -> None:
        self._noun = noun
        self._query = query
        self._anchor_ns = anchor_ns
        self._cursors = cursors

    def refuse_if_endless(self) -> None:
        """Refuse a query whose next page would have an address that nobody takes.

        Raises:
            UriTooLongError: its cursor is too long.
        """
        if len(msgspec.json.encode(self._query)) < _SHORT:
            return
        if len(self._cursor(_LONGEST, self._query.accounts)) > CURSOR_LENGTH_MAX:
            raise UriTooLongError(
                "The cursor of the next page would make a target over 8 KiB; ask for fewer or "
                "shorter values."
            )

    async def empty(self, *, denied: bool, rest: Rest) -> Answer:
        """Return the answer to a question that nothing can match; nobody was asked."""
        content = Content(missing=self._query.ids or None, denied=denied)
        return await self.filled(content, (), rest=rest)

    async def filled(
        self, content: Content, outcomes: Sequence[Outcome[Slice]], *, rest: Rest
    ) -> Answer:
        """Return the answer that holds `content`, with the outcome of every account asked.

        Between the pieces of a long one is a `rest`.
        """
        slices = [outcome.value for outcome in outcomes if outcome.value is not None]
        times = [outcome.as_of_ns for outcome in outcomes if outcome.value is not None]
        failed = {outcome.account for outcome in outcomes if outcome.error is not None}
        failed |= set(self._query.missed)
        unread = {outcome.account for outcome in outcomes if outcome.value is None}
        missed = tuple(sorted(unread.union(self._query.missed)))
        page = self._page(content.next, missed)
        meta = ListMeta(
            data_as_of=time_text(min(times)) if times else None,
            complete=not failed,
            accounts=tuple(_account(outcome) for outcome in outcomes),
            scanned=sum(found.scanned for found in slices) if content.scanned_counts else None,
            missing_ids=content.missing,
            notes=self._notes(sum(found.keyless for found in slices)) + content.notes,
        )
        return await encode_page(
            content.items,
            lambda items: self._noun.envelope(items, page, meta),
            rest,
            link=page.next and f'<{page.next}>; rel="next"',
            failed=tuple(sorted(failed)),
            within=self._query.within,
            denied=content.denied,
        )

    def _page(self, position: Position | None, missed: tuple[str, ...]) -> PageInfo:
        limit = self._query.limit
        if position is None:
            return PageInfo(limit, has_more=False, next_cursor=None, next=None)
        cursor = self._cursor(position, missed)
        return PageInfo(limit, True, cursor, f"{self._noun.path}?cursor={cursor}")

    def _cursor(self, position: Position, missed: tuple[str, ...]) -> str:
        query = self._query
        ages = any(
            isinstance(bound, Age)
            for _, window in query.windows
            for bound in (window.after, window.before)
        )
        return self._cursors.write(
            msgspec.structs.replace(
                query,
                position=position,
                in_tie=self._is_in_tie(position),
                anchor_ns=self._anchor_ns if ages else None,
                missed=missed,
                within=None,  # whoever continues the walk sees what they may see
            )
        )

    def _is_in_tie(self, position: Position) -> bool:
        """Say whether the walk stands still by times, so that it has to go on by ids."""
        before = self._query.position
        if before is None:
            return False
        return position == before or (self._query.in_tie and position.key_ns == before.key_ns)

    def _notes(self, keyless: int) -> tuple[str, ...]:
        sort, many = self._query.sort, self._noun.many
        if self._query.missed:
            # Their items stood between the positions of pages that are gone.
            lost = ", ".join(self._query.missed)
            return (f"Earlier pages of this walk lack {many} of {lost}; begin it again.",)
        if sort in _MAY_LACK and not self._query.ids:
            return (f"{many.capitalize()} without {sort} are left out of this order.",)
        if keyless:
            return (f"{keyless} {many} without {sort} were left out of this order.",)
        return ()


def _account(outcome: Outcome[Slice]) -> AccountMeta:
    as_of = None if outcome.value is None else time_text(outcome.as_of_ns)
    problem = outcome.error.slug if outcome.error and outcome.blamed else None
    return AccountMeta(outcome.account, as_of, problem)
