"""How each account fared, and what all of them together leave to tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.domain.reading import Reading
from app.errors import (
    OverloadedError,
    RequestError,
    ServiceError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.service.nouns import Noun

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
