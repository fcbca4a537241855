"""Rules of how fast an account is called."""

from itertools import pairwise

import pytest

from app.platform.pace import Pace
from tests.support.platform import FakeTime


def pace(time: FakeTime, *, rate: float = 20.0, rand: float = 0.0) -> Pace:
    """Return the pace of an account that takes eight calls at once."""
    return Pace(rate=rate, concurrency=8, monotonic=time.monotonic, rand=lambda: rand)


def calls_within(pace: Pace, time: FakeTime, seconds: float) -> int:
    """Call as often as may be; return how often that was."""
    end, count = time.now + seconds, 0
    while time.now < end:
        if wait_s := pace.wait_s():
            time.now += wait_s
        else:
            pace.charge()
            count += 1
    return count


@pytest.mark.parametrize(
    ("rate", "seconds", "calls"),
    [(20, 0.01, 21), (20, 10, 220), (0.5, 10, 6), (1, 10, 11)],
)
def test_bucket(rate: float, seconds: float, calls: int) -> None:
    """The burst is one second's worth, or one call; after it the rate holds."""
    time = FakeTime()

    assert calls_within(pace(time, rate=rate), time, seconds) == pytest.approx(calls, abs=1)


def test_retries_are_paid_for() -> None:
    """A retry takes what the next call then waits for."""
    time = FakeTime()
    here = pace(time, rate=1)
    here.charge()
    here.charge()

    assert here.wait_s() == pytest.approx(2)


def test_no_saving_beyond_the_burst() -> None:
    """An idle hour saves up no more than one second's worth."""
    time = FakeTime()
    here = pace(time)
    time.now = 3600

    assert calls_within(here, time, 0.01) <= 21


@pytest.mark.parametrize(
    ("wait_s", "rand", "shut_s"),
    [(5, 0.0, 5.0), (5, 0.5, 5.5), (0, 0.0, 1.0), (100, 0.5, 110.0)],
)
def test_closed(wait_s: float, rand: float, shut_s: float) -> None:
    """Closed, nothing goes; it reopens after the time that was asked and up to a fifth more."""
    here = pace(FakeTime(), rand=rand)
    here.close(wait_s)

    assert [here.closed_for_s(), here.wait_s()] == pytest.approx([shut_s, shut_s])
    assert (here.openness, here.rate, here.concurrency) == (0, 0, 1)


def closed_after(borne: int, time: FakeTime, *, rate: float = 20.0) -> Pace:
    """Return a pace that was closed for 5 s and reopened, after a second with so many calls."""
    here = pace(time, rate=rate)
    here.bore()
    time.now = 1.0
    for _ in range(borne):
        here.bore()
    here.close(5)
    time.now = 6.0
    return here


@pytest.mark.parametrize(
    ("borne", "rate"),
    [
        pytest.param(9, 4.5, id="nine"),
        pytest.param(0, 1.0, id="none"),
        pytest.param(99, 16.0, id="more than the rate"),
    ],
)
def test_reopens_at_half(borne: int, rate: float) -> None:
    """It reopens at half of what the platform bore in the second before, at least one call."""
    here = closed_after(borne, FakeTime())

    assert here.rate == pytest.approx(rate)
    assert here.wait_s() == pytest.approx(1 / rate)


def test_grows() -> None:
    """From there it grows evenly to the whole within two minutes, where calls were few."""
    time = FakeTime()
    here = pace(time)
    here.close(5)
    rates, at_once = [], []
    for time.now in (5, 65, 125, 999):
        rates.append(here.rate)
        at_once.append(here.concurrency)

    assert rates == pytest.approx([1, 10.5, 20, 20])
    assert at_once == [1, 5, 8, 8]


def test_remembers() -> None:
    """A pace that was refused is known: most of it in a minute, all in five, and then the whole."""
    time = FakeTime()
    here = closed_after(20, time)
    rates = []
    for time.now in (6, 66, 186, 306, 366, 426, 9999):
        rates.append(here.rate)

    assert rates == pytest.approx([8, 8, 9, 10, 15, 20, 20])


def test_steady_load() -> None:
    """What was borne for long is no burst's: all of it is known to be borne."""
    time = FakeTime()
    here = pace(time)
    for at in range(200):
        time.now = at / 20
        here.bore()
    here.close(5)
    time.now = 315.0

    assert here.rate == pytest.approx(20, abs=0.5)


def test_refusal_of_few() -> None:
    """A refusal of few calls tells nothing of the pace, and what is remembered stays."""
    time = FakeTime()
    here = closed_after(20, time)
    time.now = 186.0
    here.close(5)
    time.now = 491.0

    assert here.rate == pytest.approx(10)


def test_forgets() -> None:
    """Once the whole was borne, what was refused before is forgotten."""
    time = FakeTime()
    here = closed_after(20, time)
    time.now = 500.0
    here.close(5)
    time.now = 626.0

    assert here.rate == 20


@pytest.mark.parametrize(("load", "bears"), [(20, 10), (12, 10), (20, 15), (20, 1), (5, 4)])
def test_limit_is_learnt(load: float, bears: float) -> None:
    """A platform with a limit of its own refuses within half a minute, then every four at most."""
    time = FakeTime()
    here = pace(time, rand=0.5)
    limit = pace(time, rate=bears)
    refused = [-240.0]
    waiting = 0.0
    for step in range(7_000):
        time.now = step / 8
        waiting = min(waiting + load / 8, 100)
        while waiting >= 1 and not here.wait_s():
            waiting -= 1
            here.charge()
            if limit.wait_s():
                refused.append(time.now)
                here.close(5)
            else:
                limit.charge()
                here.bore()

    late = [at for at in refused if at > 30]
    assert min(after - before for before, after in pairwise(refused[-len(late) - 1 :])) >= 240
    assert 2 <= len(late) <= 4


def test_closed_again() -> None:
    """Several refusals at once are one closure, as long as the longest of them."""
    time = FakeTime()
    here = pace(time)
    for _ in range(9):
        here.bore()
    for wait_s in (5, 9, 5):
        here.close(wait_s)
    time.now = 9.0

    assert here.rate == pytest.approx(4.5)


def test_slow_accounts() -> None:
    """A rate below one call a second reopens at itself."""
    time = FakeTime()
    here = pace(time, rate=0.5)
    here.close(1)
    time.now = 1.0

    assert here.rate == pytest.approx(0.5)
