"""Facts about calls to the platform, given to whoever listens; the platform side counts nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Endpoint: TypeAlias = Literal["tasks", "task", "activities", "activity", "token"]
Outcome: TypeAlias = Literal["2xx", "3xx", "4xx", "429", "5xx", "timeout", "unreachable", "invalid"]
# The token endpoint and the Task Manager are two services that fail apart.
Part: TypeAlias = Literal["token", "api"]
BreakerState: TypeAlias = Literal["closed", "open", "half_open"]
Refusal: TypeAlias = Literal["closed", "failing", "overloaded"]


def part_of(endpoint: Endpoint) -> Part:
    """Return which of the platform's services an endpoint belongs to."""
    return "token" if endpoint == "token" else "api"


@dataclass(frozen=True, slots=True)
class UpstreamCalled:
    """One attempt reached its end; retries and token requests count like any other.

    `seconds` runs from sending until the body was there and understood. An attempt that the
    deadline cut off is a time-out; one whose caller left has no outcome and is not told.
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
class RetryForgone:
    """A call would have been made once more, but too many are retried already."""

    account: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """A call was let through the gate, after a wait that is mostly 0."""

    account: str
    waited_s: float


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """A call was turned away at the gate."""

    account: str
    reason: Refusal


@dataclass(frozen=True, slots=True)
class GateClosed:
    """The platform asked for quiet, so none is called for `seconds`."""

    account: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """The circuit of one of the platform's services changed its state."""

    account: str
    part: Part
    state: BreakerState


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


# What happens with every call, and what changes for all of them.
CallEvent: TypeAlias = (
    UpstreamCalled | RetryScheduled | RetryForgone | TurnTaken | TurnRefused | ItemsRead
)
ChangeEvent: TypeAlias = GateClosed | BreakerMoved | TokenRefreshed | TokenRefreshFailed
Event: TypeAlias = CallEvent | ChangeEvent
Listen: TypeAlias = Callable[[Event], None]
