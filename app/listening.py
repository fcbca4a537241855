"""What the platform side tells of itself, as figures and log lines."""

from collections.abc import Callable

import structlog

from app.platform.events import (
    BreakerMoved,
    CallEvent,
    ChangeEvent,
    Event,
    GateClosed,
    RetryForgone,
    RetryScheduled,
    TokenRefreshed,
    TurnRefused,
    TurnTaken,
    UpstreamCalled,
)
from app.telemetry import calls
from app.telemetry.upstream import UpstreamMetrics

_log = structlog.get_logger()


def listener(metrics: UpstreamMetrics) -> Callable[[Event], None]:
    """Return what turns the platform side's facts into figures and log lines."""

    def listen(event: Event) -> None:
        if isinstance(event, ChangeEvent):
            _hear_change(event, metrics)
        else:
            _hear_call(event, metrics)

    return listen


def _hear_call(event: CallEvent, metrics: UpstreamMetrics) -> None:
    """Count what happens with every call; only what stands out has a line."""
    match event:
        case UpstreamCalled():
            calls.note()
            metrics.called(
                account=event.account,
                endpoint=event.endpoint,
                outcome=event.outcome,
                seconds=event.seconds,
            )
        case RetryScheduled():
            metrics.retry_scheduled(account=event.account, endpoint=event.endpoint)
            _log.warning(
                "retry_scheduled",
                account=event.account,
                endpoint=event.endpoint,
                attempt=event.attempt,
                outcome=event.outcome,
                wait_s=round(event.wait_s, 3),
            )
        case RetryForgone():
            metrics.retry_forgone(account=event.account, endpoint=event.endpoint)
        case TurnTaken():
            metrics.turn_taken(account=event.account, waited_s=event.waited_s)
        case TurnRefused():
            metrics.turn_refused(account=event.account, reason=event.reason)
        case _:  # mypy knows that ItemsRead is what is left
            metrics.items_read(
                account=event.account,
                count=event.count,
                dropped=event.dropped,
                anomalies=event.anomalies,
            )


def _hear_change(event: ChangeEvent, metrics: UpstreamMetrics) -> None:
    """Count and log changes of state."""
    match event:
        case GateClosed():
            metrics.gate_closed(account=event.account)
            _log.warning("gate_closed", account=event.account, seconds=round(event.seconds, 3))
        case BreakerMoved():
            facts = {"account": event.account, "part": event.part, "state": event.state}
            metrics.breaker_moved(**facts)
            _log.warning("breaker_moved", **facts)
        case TokenRefreshed():
            metrics.token_refreshed(account=event.account, lifetime_s=event.lifetime_s)
            _log.info("token_refreshed", account=event.account, generation=event.generation)
        case _:  # mypy knows that TokenRefreshFailed is what is left
            metrics.token_refresh_failed(account=event.account)
            _log.warning("token_refresh_failed", account=event.account, reason=event.reason)
