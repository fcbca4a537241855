"""How the accounts fare, remembered from the reads that were made anyway."""

import pytest

from app.errors import UpstreamTimeoutError
from app.service.accounts import AccountBook
from app.service.scope import EVERYTHING

AS_OF = 1_795_428_000_000_000_000


@pytest.mark.parametrize(
    ("told", "status", "problem"),
    [
        ("", "unknown", None),
        ("+", "ok", None),
        ("-", "down", "upstream-timeout"),
        ("+-", "degraded", "upstream-timeout"),
        ("+--", "degraded", "upstream-timeout"),
        ("+---", "down", "upstream-timeout"),
        ("+---+", "ok", None),
    ],
)
def test_status(told: str, status: str, problem: str | None) -> None:
    """An account is unknown, then ok; degraded after a failure, down after three or from birth."""
    book = AccountBook({"eu2": "eu2.example"}, sandbox=False)
    for each in told:
        if each == "+":
            book.answered("eu2", AS_OF)
        else:
            book.failed("eu2", UpstreamTimeoutError("late"))

    (account,) = book.list(EVERYTHING).items
    assert (account.status, account.problem) == (status, problem)
    assert account.data_as_of == ("2026-11-23T10:00:00.000Z" if "+" in told else None)
    assert book.degraded is (problem is not None)


def test_newest_wins() -> None:
    """A slow answer to an older question doesn't turn the time back."""
    book = AccountBook({"eu2": "eu2.example"}, sandbox=True)
    book.answered("eu2", AS_OF)
    book.answered("eu2", AS_OF - 10**9)

    (account,) = book.list(EVERYTHING).items
    assert (account.data_as_of, account.sandbox) == ("2026-11-23T10:00:00.000Z", True)
