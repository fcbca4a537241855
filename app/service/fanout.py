"""All accounts at once, each within the deadline; what they gave, merged the same way always."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.domain.reading import Reading
from app.errors import (
    OverloadedError,
    RequestError,
    ServiceError,
    UpstreamAuthFailedError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.service.accounts import AccountBook
from app.service.nouns import Noun
from app.service.reading import Platform

_RETRY_AFTER_S = 5.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What one account gave, or why it gave nothing; `as_of_ns` is when it was asked.

    It is not `blamed` for an error when another account left it no time.
    """

    account: str
    as_of_ns: int
    value: T | None
    error: ServiceError | None
    blamed: bool = True


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
            error: ServiceError = UpstreamTimeoutError(
                f"The platform did not answer within {self._deadline_s:g} s.", account=account
            )
        except RequestError as exc:
            self._book.answered(account, as_of_ns)
            return Outcome(account, as_of_ns, None, exc)
        except OverloadedError as exc:
            # Our own queue is full, which says nothing of the account.
            return Outcome(account, as_of_ns, None, exc)
        except ServiceError as exc:
            if isinstance(exc, UpstreamError) and exc.refused:
                # One object that is forbidden says nothing of the account, good or bad.
                if not isinstance(exc, UpstreamAuthFailedError):
                    self._book.answered(account, as_of_ns)
                return Outcome(account, as_of_ns, None, exc)
            error = exc
        else:
            self._book.answered(account, as_of_ns)
            return Outcome(account, as_of_ns, value, None)
        self._book.failed(account, error)
        return Outcome(account, as_of_ns, None, error)


def no_time_left(account: str | None = None) -> UpstreamTimeoutError:
    """Return what is told of an account for which no time was left by `account`, if by one."""
    return UpstreamTimeoutError("No time was left to ask the platform.", account=account)


def first_failure(outcomes: Iterable[Outcome[T]]) -> ServiceError | None:
    """Return the failure to tell when nothing was found: the common one, or one that names all."""
    failed = {each.account: each.error for each in outcomes if each.error is not None}
    errors = [*failed.values()]
    if len(errors) < 2:  # noqa: PLR2004  # nothing to put together
        return next(iter(errors), None)
    waits = [error.retry_after_s for error in errors if error.retry_after_s is not None]
    if len({error.slug for error in errors}) == 1:
        names = ", ".join(failed)
        return type(errors[0])(
            f"{names}: {errors[0].detail}",
            retry_after_s=min(waits, default=None),
            upstream=errors[0].upstream,
        )
    told = ", ".join(f"{account} ({error.slug})" for account, error in failed.items())
    kind = OverloadedError if is_crowded(errors) else UpstreamUnavailableError
    return kind(f"Accounts failed: {told}.", retry_after_s=min(waits, default=_RETRY_AFTER_S))


def is_crowded(errors: Iterable[ServiceError | None]) -> bool:
    """Say whether an account was not asked for lack of room: true of this moment alone."""
    return any(isinstance(error, OverloadedError) for error in errors)


def refuse_failures(outcomes: Sequence[Outcome[T]]) -> None:
    """Let a partial answer pass, and an empty one never.

    Raises:
        RequestError: an account says that the question is wrong.
        ServiceError: every account failed.
    """
    for outcome in outcomes:
        if isinstance(outcome.error, RequestError):
            raise outcome.error
    failure = first_failure(outcomes)
    if failure is not None and all(outcome.error is not None for outcome in outcomes):
        raise failure


def partial_denied(failed: Sequence[str]) -> UpstreamUnavailableError:
    """Return what those who said `partial=deny` are told of an answer that lacks accounts."""
    return UpstreamUnavailableError(
        f"Not every account answered, and partial=deny was asked: {', '.join(failed)}.",
        retry_after_s=_RETRY_AFTER_S,
        account=failed[0],
    )


def only_one(
    outcomes: Sequence[Outcome[Reading[Any]]], noun: Noun, text: str
) -> tuple[Reading[Any], ServiceError | None]:
    """Return what one account has, and the failure of another that might have it too.

    Raises:
        AmbiguousIdError: several accounts have it.
        ServiceError: nobody has it, and an account that might have had it failed.
        RequestError: every account said that it has no such thing.
    """
    found = [outcome.value for outcome in outcomes if outcome.value is not None]
    if len(found) > 1:
        raise noun.ambiguous(text, [reading.item.id for reading in found])
    failure = first_failure(
        outcome for outcome in outcomes if not isinstance(outcome.error, RequestError)
    )
    if not found:
        raise failure or noun.missing(text)
    return found[0], failure
