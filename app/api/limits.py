"""How often: a token bucket for each consumer, and one for each address that fails to log in."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from app.errors import RateLimitedError
from app.service.scope import Consumer

FAILURES_BURST, FAILURES_PER_S = 20, 0.5
ADDRESSES_MAX = 10_000

_LIMIT, _POLICY = b"ratelimit", b"ratelimit-policy"
LIMITS = frozenset({_LIMIT, _POLICY})
"""The headers that tell a consumer what is left to it."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at a steady rate; times are in seconds of one monotonic clock."""

    level: float
    at_s: float

    def fill(self, now_s: float, *, rate: float, burst: float) -> float:
        """Bring the bucket up to now and return its level."""
        self.level = min(burst, self.level + (now_s - self.at_s) * rate)
        self.at_s = now_s
        return self.level


class Rated(NamedTuple):
    """A consumer's name, and its rate in requests a second."""

    name: str
    rate: float

    @property
    def burst(self) -> float:
        """What its bucket holds."""
        return _burst(self.rate)


class Limiter:
    """Bounds the requests of a consumer that cause upstream work: `rate` a second, at once too.

    Call `take` where a question was not kept and nobody asks it yet; a hit, a 304 and a shared
    wait are free. `limited` hears who was refused, `taken` whose request was let through.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        limited: Callable[[str], None] = lambda _: None,
        taken: Callable[[Rated], None] = lambda _: None,
    ) -> None:
        self._monotonic = monotonic
        self._limited = limited
        self._taken = taken
        self._buckets: dict[str, Bucket] = {}
        self._full = _Full()

    def take(self, consumer: Consumer) -> None:
        """Take one request off what `consumer` may still cause.

        Raises:
            RateLimitedError: nothing is left; it says when there will be.
        """
        if consumer.rate is None:
            return
        rated = Rated(consumer.name, consumer.rate)
        bucket = self._bucket(rated)
        if bucket.level < 1:
            self._limited(consumer.name)
            raise RateLimitedError(
                f"Your rate is {consumer.rate:g} requests a second that reach the platform.",
                retry_after_s=(1 - bucket.level) / consumer.rate,
            )
        bucket.level -= 1
        self._taken(rated)

    def learn(self, rated: Rated, level: float) -> None:
        """Believe that no more than `level` is left, since others take from it too.

        Below zero it is a debt. What would be more than is known here is not believed: a process
        lets through at most what it would alone.
        """
        bucket = self._bucket(rated)
        bucket.level = min(bucket.level, level)

    def headers(self, consumer: Consumer) -> list[tuple[bytes, bytes]]:
        """Return `RateLimit` and `RateLimit-Policy`; none for a consumer without a rate.

        In the form of draft-ietf-httpapi-ratelimit-headers: `r` requests are left, and all of the
        policy's `q` are in `t` seconds.
        """
        rate = consumer.rate
        if rate is None:
            return []
        if consumer.name in self._buckets:
            bucket, burst = self._bucket(Rated(consumer.name, rate)), _burst(rate)
            if bucket.level < burst:
                full_s = math.ceil((burst - bucket.level) / rate)
                return _headers(rate, left=max(0, int(bucket.level)), full_s=full_s)
            # A full bucket is no bucket: those who only hit cost nothing to count.
            del self._buckets[consumer.name]
        return self._full[rate]

    def _bucket(self, rated: Rated) -> Bucket:
        now_s, burst = self._monotonic(), rated.burst
        bucket = self._buckets.get(rated.name)
        if bucket is None:
            bucket = self._buckets[rated.name] = Bucket(burst, now_s)
        bucket.fill(now_s, rate=rated.rate, burst=burst)
        return bucket


class _Full(dict[float, list[tuple[bytes, bytes]]]):
    """The headers of consumers of whose rate all is left; there are as many as rates."""

    def __missing__(self, rate: float) -> list[tuple[bytes, bytes]]:
        made = self[rate] = _headers(rate, left=int(_burst(rate)), full_s=0)
        return made


class FailureLimiter:
    """Bounds the failed log-ins of an address; one that succeeds is never asked here.

    Whoever guesses behind a shared proxy therefore locks out nobody but other guessers. An IPv6
    address counts as its /64; at most `ADDRESSES_MAX` are remembered, the longest silent go first.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def fail(self, address: str) -> None:
        """Count one failure.

        Raises:
            RateLimitedError: there were too many from this address.
        """
        now_s, place = self._monotonic(), _place(address)
        bucket = self._buckets.setdefault(place, Bucket(FAILURES_BURST, now_s))
        self._buckets.move_to_end(place)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        if bucket.fill(now_s, rate=FAILURES_PER_S, burst=FAILURES_BURST) < 1:
            raise RateLimitedError(
                "Too many requests without valid credentials came from your address.",
                retry_after_s=(1 - bucket.level) / FAILURES_PER_S,
            )
        bucket.level -= 1


def _headers(rate: float, *, left: int, full_s: int) -> list[tuple[bytes, bytes]]:
    burst = _burst(rate)
    return [
        (_LIMIT, b'"default";r=%d;t=%d' % (left, full_s)),
        (_POLICY, b'"default";q=%d;w=%d' % (int(burst), math.ceil(burst / rate))),
    ]


def _burst(rate: float) -> float:
    """One second's worth, and at least one request."""
    return max(1.0, rate)


def _place(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""  # a socket without an address, or nonsense of a proxy: all of it is one place
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address
