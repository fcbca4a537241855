"""Questions about tasks: cursor → key → cache → accounts → merge → bytes."""

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec

from app.cache.cache import Cache, Loaded
from app.domain.cursor import CursorCodec
from app.domain.ids import Ref, read_ref
from app.domain.parsing import Asked
from app.domain.plan import make_plan
from app.domain.query import TaskQuery
from app.domain.task import Reading
from app.errors import (
    AccountNotFoundError,
    CursorMismatchError,
    ParameterFault,
    TaskNotFoundError,
)
from app.service.batch import Batch, ambiguous
from app.service.encode import Answer, Delivery, encode
from app.service.fanout import Fanout, first_failure, refuse_failures
from app.service.lists import TaskPage
from app.service.merge import merge
from app.service.reading import Platform, Slice, read_batch, read_slice

_PARTIAL_TTL_S = 4.5  # at most 5 s with the cache's spread
_ITEM_UNFINISHED_TTL_S = 5
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long answers are fresh, in seconds; contract section 6."""

    unfinished_s: float
    finished_s: float
    item_finished_s: float


class OneTask(msgspec.Struct, frozen=True):
    """The question for a single task, as a cache key."""

    ref: Ref
    accounts: tuple[str, ...]


class TaskService:
    """Answers questions about tasks; every answer is made once, kept and shared."""

    def __init__(
        self,
        *,
        accounts: Sequence[str],
        fanout: Fanout,
        cache: Cache[Answer],
        cursors: CursorCodec,
        lifetimes: Lifetimes,
        scan_pages_max: int,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = tuple(sorted(accounts))
        self._fanout = fanout
        self._cache = cache
        self._cursors = cursors
        self._lifetimes = lifetimes
        self._scan_pages_max = scan_pages_max
        self._clock = clock

    @property
    def accounts(self) -> tuple[str, ...]:
        """The aliases of all accounts."""
        return self._accounts

    async def list(self, asked: Asked) -> Delivery:
        """Return the page that `asked` asks for, or the failure that stands in its place.

        Raises:
            RequestError: no such account, an id that several accounts know, or a cursor that is
                not ours or not of this query.
        """
        query = self._resolve(asked)
        return await self._cache.get(query, lambda: self._load_list(query))

    async def get(self, text: str) -> Delivery:
        """Return the task with the id `text` in any of its three forms, or the failure.

        Raises:
            TaskNotFoundError: the id has no valid form.
            AmbiguousIdError: several accounts have it.
        """
        ref = read_ref(text, self._accounts)
        if ref is None:
            raise _no_task(text)
        accounts = (ref.account,) if ref.account else self._accounts
        # The same number in the same accounts is the same question, with the alias or without.
        question = OneTask(msgspec.structs.replace(ref, account=None), accounts)
        return await self._cache.get(question, lambda: self._load_one(ref, accounts))

    def _resolve(self, asked: Asked) -> TaskQuery:
        query = msgspec.structs.replace(asked.query, accounts=self._known(asked.query.accounts))
        if asked.cursor is None:
            return query
        walked = self._cursors.read(asked.cursor)
        self._known(walked.accounts)
        if asked.filtered and not query.same_filters(walked):
            raise CursorMismatchError(
                "The filters differ from those the cursor was made for; repeat all or none.",
                faults=[ParameterFault("cursor", "was made for other filters or another order")],
            )
        return msgspec.structs.replace(walked, limit=asked.limit or walked.limit)

    def _known(self, aliases: Sequence[str]) -> tuple[str, ...]:
        for alias in aliases:
            if alias not in self._accounts:
                meant = next(iter(get_close_matches(alias, self._accounts, 1)), None)
                fault = ParameterFault("account", "is no account here", did_you_mean=meant)
                raise AccountNotFoundError(f"There is no account {alias!r}.", faults=[fault])
        return tuple(aliases) or self._accounts

    async def _load_list(self, query: TaskQuery) -> Loaded[Answer]:
        now_ns = query.anchor_ns or int(self._clock() * _NS)
        lifetimes = self._lifetimes
        ttl_s = lifetimes.finished_s if query.only_finished else lifetimes.unfinished_s
        page = TaskPage(query, now_ns=now_ns, cursors=self._cursors)
        plan = make_plan(query, now_ns=now_ns, step_s=ttl_s)
        batch = Batch(query.ids, query.accounts)
        asked = [each for each in query.accounts if not query.ids or batch.wanted(each)]
        if plan is None or not asked:
            answer = page.empty()
            return Loaded(answer, answer.size_bytes, ttl_s)

        async def read(platform: Platform, account: str) -> Slice:
            if query.ids:
                return await read_batch(platform, account, plan, batch.wanted(account))
            return await read_slice(
                platform, account, plan, limit=query.limit, pages_max=self._scan_pages_max
            )

        outcomes = await self._fanout.ask(asked, read)
        refuse_failures(outcomes, partial=query.partial)
        slices = {each.account: each.value for each in outcomes if each.value is not None}
        failed = [each.account for each in outcomes if each.value is None]
        merged = merge(slices.values(), plan, limit=query.limit)
        missing = batch.missing(slices, failed) if query.ids else None
        answer = page.filled(
            merged, outcomes, missing=missing, scanned_counts=plan.keep is not None
        )
        return Loaded(answer, answer.size_bytes, min(ttl_s, _PARTIAL_TTL_S) if failed else ttl_s)

    async def _load_one(self, ref: Ref, accounts: Sequence[str]) -> Loaded[Answer]:
        async def read(platform: Platform, account: str) -> Reading:
            if ref.number:
                return await platform.task(ref.number)
            async with aclosing(platform.task_pages((("uuid", str(ref.uuid)),), limit=1)) as pages:
                async for page in pages:
                    for reading in page.readings:
                        return reading
            raise _no_task(f"{account}.{ref.uuid}")

        outcomes = await self._fanout.ask(accounts, read)
        tasks = [each.value.task for each in outcomes if each.value is not None]
        text = str(ref.number or ref.uuid)
        if len(tasks) > 1:
            raise ambiguous(text, [task.id for task in tasks])
        failure = first_failure(each for each in outcomes if not _is_not_found(each.error))
        if not tasks:
            # An account that failed might have had it, so this is not "not found".
            raise failure or _no_task(text)
        answer = encode(tasks[0])
        ttl_s = self._lifetimes.item_finished_s
        if not tasks[0].is_finished:
            ttl_s = min(_ITEM_UNFINISHED_TTL_S, self._lifetimes.unfinished_s)
        if failure is not None:
            ttl_s = min(_PARTIAL_TTL_S, ttl_s)  # another account may have the same bare id
        return Loaded(answer, answer.size_bytes, ttl_s)


def _is_not_found(error: Exception | None) -> bool:
    return isinstance(error, TaskNotFoundError)


def _no_task(text: str) -> TaskNotFoundError:
    return TaskNotFoundError(f"There is no task {text!r}.")
