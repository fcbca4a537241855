"""Rules of how many retries there are."""

import pytest

from app.platform.budget import RetryBudget
from tests.support.platform import FakeTime


def spent(budget: RetryBudget) -> int:
    """Spend all there is; return how much that was."""
    count = 0
    while budget.spend():
        count += 1
    return count


def test_lone_call() -> None:
    """A lone call may be retried twice; the next one without a pause may not."""
    budget = RetryBudget(monotonic=FakeTime().monotonic)
    budget.earn()

    assert (spent(budget), spent(budget)) == (2, 0)


@pytest.mark.parametrize(("calls", "retries"), [(5, 1), (20, 4), (1000, 10)])
def test_part_of_calls(calls: int, retries: int) -> None:
    """Five calls earn one retry; no more than ten are saved up."""
    budget = RetryBudget(monotonic=FakeTime().monotonic)
    spent(budget)
    for _ in range(calls):
        budget.earn()

    assert spent(budget) == retries


@pytest.mark.parametrize(("seconds", "retries"), [(4.9, 0), (5, 1), (10, 2), (1000, 2)])
def test_floor(seconds: float, retries: int) -> None:
    """Time alone gives a retry in 5 s, and two at most."""
    time = FakeTime()
    budget = RetryBudget(monotonic=time.monotonic)
    spent(budget)
    time.now = seconds

    assert spent(budget) == retries


def test_everything_fails() -> None:
    """When all calls fail, a fifth of them are retried, beyond the first ten."""
    time = FakeTime()
    budget = RetryBudget(monotonic=time.monotonic)
    calls = 0
    for _ in range(1000):
        time.now += 0.01
        budget.earn()
        calls += 1 + budget.spend()

    assert calls <= 10 + 1.2 * 1000
