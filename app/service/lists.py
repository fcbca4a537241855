"""The envelope of a page of tasks, and what it says of its own completeness."""

from collections.abc import Sequence

import msgspec

from app.domain.cursor import CursorCodec
from app.domain.query import Age, TaskQuery
from app.service.encode import (
    AccountMeta,
    Answer,
    ListMeta,
    PageInfo,
    TaskList,
    encode,
    time_text,
)
from app.service.fanout import Outcome
from app.service.merge import Merged
from app.service.reading import Slice

_PATH = "/v1/tasks"
_MAY_LACK = {"started_at", "completed_at"}


class TaskPage:
    """Makes the answer to one query asked at `now_ns`."""

    def __init__(self, query: TaskQuery, *, now_ns: int, cursors: CursorCodec) -> None:
        self._query = query
        self._now_ns = now_ns
        self._cursors = cursors

    def empty(self) -> Answer:
        """Return the answer to a question that no task can match; nobody was asked."""
        outcomes = [
            Outcome(account, self._now_ns, Slice(), None) for account in self._query.accounts
        ]
        missing = self._query.ids or None
        return self.filled(Merged((), None), outcomes, missing=missing, scanned_counts=False)

    def filled(
        self,
        merged: Merged,
        outcomes: Sequence[Outcome[Slice]],
        *,
        missing: tuple[str, ...] | None,
        scanned_counts: bool,
    ) -> Answer:
        """Return the answer that holds `merged`, with the outcome of every account."""
        slices = [outcome.value for outcome in outcomes if outcome.value is not None]
        times = [outcome.as_of_ns for outcome in outcomes if outcome.value is not None]
        page = self._page(merged)
        meta = ListMeta(
            data_as_of=time_text(min(times)),
            complete=len(slices) == len(outcomes),
            accounts=tuple(_account(outcome) for outcome in outcomes),
            scanned=sum(found.scanned for found in slices) if scanned_counts else None,
            missing_ids=missing,
            notes=self._notes(sum(found.keyless for found in slices)),
        )
        return encode(TaskList(merged.tasks, page, meta), next_path=page.next)

    def _page(self, merged: Merged) -> PageInfo:
        query = self._query
        if merged.next is None:
            return PageInfo(query.limit, has_more=False, next_cursor=None, next=None)
        ages = any(
            isinstance(bound, Age)
            for _, window in query.windows
            for bound in (window.after, window.before)
        )
        cursor = self._cursors.write(
            msgspec.structs.replace(
                query, position=merged.next, anchor_ns=self._now_ns if ages else None
            )
        )
        return PageInfo(query.limit, True, cursor, f"{_PATH}?cursor={cursor}")

    def _notes(self, keyless: int) -> tuple[str, ...]:
        sort = self._query.sort
        if sort in _MAY_LACK and not self._query.ids:
            return (f"Tasks without {sort} are left out of this order.",)
        if keyless:
            return (f"{keyless} tasks without {sort} were left out of this order.",)
        return ()


def _account(outcome: Outcome[Slice]) -> AccountMeta:
    if outcome.error is not None:
        return AccountMeta(outcome.account, None, outcome.error.slug)
    return AccountMeta(outcome.account, time_text(outcome.as_of_ns), None)
