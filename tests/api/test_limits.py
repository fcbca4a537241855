"""How often a consumer may ask, and how often an address may fail."""

import pytest

from app.api.limits import ADDRESSES_MAX, FAILURES_BURST, FailureLimiter, Limiter, Rated
from app.errors import RateLimitedError
from app.service.scope import ANYBODY, EVERYTHING, Consumer
from tests.support.platform import FakeTime


def one(name: str = "bi", rate: float | None = 2) -> Consumer:
    """Return a consumer with this rate."""
    return Consumer(name=name, scope=EVERYTHING, rate=rate, admin=False)


@pytest.fixture
def limited() -> list[str]:
    """Who was refused."""
    return []


@pytest.fixture
def limiter(time: FakeTime, limited: list[str]) -> Limiter:
    """A limiter on a clock that is turned by hand."""
    return Limiter(monotonic=time.monotonic, limited=limited.append)


def test_burst(limiter: Limiter, limited: list[str]) -> None:
    """One second's worth may come at once; what is more is told when to come back."""
    for _ in range(2):
        limiter.take(one())
    with pytest.raises(RateLimitedError) as caught:
        limiter.take(one())

    assert caught.value.retry_after_s == pytest.approx(0.5)
    assert limited == ["bi"]


def test_refill(limiter: Limiter, time: FakeTime) -> None:
    """Requests come back at the rate, up to one second's worth."""
    for _ in range(2):
        limiter.take(one())
    time.now += 0.5
    limiter.take(one())
    with pytest.raises(RateLimitedError):
        limiter.take(one())
    time.now += 60

    assert limiter.headers(one())[0] == (b"ratelimit", b'"default";r=2;t=0')


def test_apart(limiter: Limiter) -> None:
    """One that floods takes nothing from another."""
    for _ in range(2):
        limiter.take(one())

    limiter.take(one("shop"))
    limiter.take(ANYBODY)


def test_slow_rate(limiter: Limiter, time: FakeTime) -> None:
    """A rate below one a second still lets one request through, now and then."""
    slow = one(rate=0.1)
    limiter.take(slow)

    assert limiter.headers(slow) == [
        (b"ratelimit", b'"default";r=0;t=10'),
        (b"ratelimit-policy", b'"default";q=1;w=10'),
    ]
    time.now += 10
    limiter.take(slow)


def test_changed_rate(limiter: Limiter) -> None:
    """A lower rate from the consumers' file counts at once."""
    limiter.headers(one(rate=50))

    assert limiter.headers(one(rate=1))[0][1] == b'"default";r=1;t=0'
    assert limiter.headers(ANYBODY) == []


def test_learn(time: FakeTime) -> None:
    """What others took is less for all; no news makes it more than what is known here."""
    taken: list[Rated] = []
    limiter, bi = Limiter(monotonic=time.monotonic, taken=taken.append), Rated("bi", 2)
    limiter.take(one())
    limiter.learn(bi, -1)
    limiter.learn(bi, 2)

    assert taken == [bi]
    assert limiter.headers(one())[0][1] == b'"default";r=0;t=2'
    with pytest.raises(RateLimitedError) as caught:
        limiter.take(one())
    assert caught.value.retry_after_s == pytest.approx(1)


def exhaust(limiter: FailureLimiter, address: str) -> None:
    """Fail from `address` until the next failure is refused, and see that it is."""
    for _ in range(FAILURES_BURST):
        limiter.fail(address)
    with pytest.raises(RateLimitedError) as caught:
        limiter.fail(address)
    assert caught.value.retry_after_s == pytest.approx(2)


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.0"),
        ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.0"),
        ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ("2001:db8::", "2001:db8::8000:0:0:0", "2001:db8:0:1::"),
        ("", "unix", "192.0.2.9"),
    ],
)
def test_failures(time: FakeTime, address: str, neighbour: str, stranger: str) -> None:
    """An address fails so often and no more; an IPv6 network of a caller is one address."""
    limiter = FailureLimiter(monotonic=time.monotonic)

    exhaust(limiter, address)
    with pytest.raises(RateLimitedError):
        limiter.fail(neighbour)
    for _ in range(FAILURES_BURST):
        limiter.fail(stranger)
    time.now += 2
    limiter.fail(address)


def test_bounded_memory(time: FakeTime) -> None:
    """Whoever has many addresses fills no memory: the longest silent are forgotten."""
    limiter = FailureLimiter(monotonic=time.monotonic)
    exhaust(limiter, "192.0.2.1")
    for number in range(ADDRESSES_MAX):
        limiter.fail(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")

    limiter.fail("192.0.2.1")
