"""Facts about calls to the platform, given to whoever listens; the platform side counts nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Endpoint: TypeAlias = Literal["tasks", "task", "activities", "activity", "token"]
Outcome: TypeAlias = Literal["2xx", "3xx", "4xx", "429", "5xx", "timeout", "unreachable", "invalid"]


@dataclass(frozen=True, slots=True)
class UpstreamCalled:
    """One attempt reached its end; retries and token requests count like any other.

    `seconds` runs from sending to the last byte of the body. An attempt that was cut off from
    here, by a deadline or a caller who left, has no outcome and is not told.
    """

    account: str
    endpoint: Endpoint
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Attempt number `attempt`, from 1, failed with `outcome`; another comes after a wait."""

    account: str
    endpoint: Endpoint
    attempt: int
    outcome: Outcome
    wait_s: float


@dataclass(frozen=True, slots=True)
class TokenRefreshed:
    """A token arrived; `generation` counts those of this process from 1."""

    account: str
    generation: int
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class TokenRefreshFailed:
    """No token arrived; `reason` is the slug of the error."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class ItemsRead:
    """`count` items came off the platform.

    `dropped` counts values inside them that had an odd shape, never whole items; `anomalies`
    says how many items show which anomaly.
    """

    account: str
    count: int
    dropped: int
    anomalies: Mapping[str, int]


Event: TypeAlias = UpstreamCalled | RetryScheduled | TokenRefreshed | TokenRefreshFailed | ItemsRead
Listen: TypeAlias = Callable[[Event], None]
