"""All accounts at once, each within the deadline."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from app.errors import (
    OverloadedError,
    RequestError,
    ServiceError,
    UpstreamAuthFailedError,
    UpstreamError,
    UpstreamTimeoutError,
)
from app.service.accounts import AccountBook
from app.service.outcome import Outcome, no_time_left
from app.service.reading import Platform

T = TypeVar("T")


class Fanout:
    """Asks several accounts the same thing and notes how each fared."""

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        book: AccountBook,
        *,
        deadline_s: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._platforms = platforms
        self._book = book
        self._deadline_s = deadline_s
        self._clock = clock
        self._monotonic = monotonic

    def deadline(self, wait_s: float | None = None) -> float:
        """Return when an answer that is begun now must be there, in monotonic seconds.

        `wait_s` is what the caller has instead of the usual time, if anything.
        """
        return self._monotonic() + (self._deadline_s if wait_s is None else wait_s)

    def left_part(self, until: float) -> float:
        """Return which part of the deadline is left, 1 at its beginning."""
        return (until - self._monotonic()) / self._deadline_s

    def now_ns(self) -> int:
        """Return the time, in Unix nanoseconds."""
        return int(self._clock() * 1_000_000_000)

    async def ask(
        self,
        accounts: Sequence[str],
        read: Callable[[Platform, str], Awaitable[T]],
        *,
        until: float,
        answerable: Collection[str],
        note: Callable[[Outcome[T]], None],
    ) -> list[Outcome[T]]:
        """Return the outcome of `read` for each of `accounts`, in their order.

        `until` is the `deadline` of the whole answer, however many times it asks; when it passes,
        only those `answerable` for it are to blame. `note` is told each outcome as it comes.
        """

        async def one(account: str) -> Outcome[T]:
            outcome = await self._one(account, read, until, blamed=account in answerable)
            note(outcome)
            return outcome

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(one(account)) for account in accounts]
        return [task.result() for task in asked]

    async def _one(
        self,
        account: str,
        read: Callable[[Platform, str], Awaitable[T]],
        until: float,
        *,
        blamed: bool,
    ) -> Outcome[T]:
        as_of_ns = self.now_ns()
        platform = self._platforms[account]
        if blamed:
            # Else a call that is cut off must not look like silence to the platform side either.
            platform = platform.due_by(until)
        try:
            async with asyncio.timeout(until - self._monotonic()):
                value = await read(platform, account)
        except TimeoutError:
            if not blamed:
                return Outcome(account, as_of_ns, None, no_time_left(), blamed=False)
            error = UpstreamTimeoutError(
                f"The platform did not answer within {self._deadline_s:g} s.", account=account
            )
            self._book.failed(account, error)
            return Outcome(account, as_of_ns, None, error)
        except ServiceError as exc:
            self._note(account, exc, as_of_ns)
            return Outcome(account, as_of_ns, None, exc)
        self._book.answered(account, as_of_ns)
        return Outcome(account, as_of_ns, value, None)

    def _note(self, account: str, error: ServiceError, as_of_ns: int) -> None:
        """Note what a failure says of the account, if it says anything."""
        if isinstance(error, OverloadedError):
            return  # our own queue is full, which says nothing of it
        refused = isinstance(error, UpstreamError) and error.refused
        if refused and isinstance(error, UpstreamAuthFailedError):
            return  # one object is forbidden, which is neither good nor bad
        if refused or isinstance(error, RequestError):
            self._book.answered(account, as_of_ns)
        else:
            self._book.failed(account, error)
