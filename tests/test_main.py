"""What the platform side tells is counted, and changes of state are logged."""

import httpx

from tests.support.upstream import FakeUpstream


async def test_quiet(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """Closures of the gate, and who was turned away, stand in the figures."""
    upstream.fail_next(429, path="/tasks/1")
    await client.get("/v1/tasks/1")
    for limit in (1, 2, 3):
        await client.get(f"/v1/tasks?limit={limit}")
    figures = (await client.get("/metrics")).text

    assert 'taskgate_gate_closures_total{account="eu2"} 1.0' in figures
    assert 'taskgate_gate_refusals_total{account="eu2",reason="closed"} 3.0' in figures


async def test_failures_in_a_row(client: httpx.AsyncClient, upstream: FakeUpstream) -> None:
    """After a lone call's retries none is left for the next, and the breaker opens."""
    upstream.fail_next(500, path="/tasks", times=5)
    for limit in (1, 2, 3):
        await client.get(f"/v1/tasks?limit={limit}")
    figures = (await client.get("/metrics")).text

    forgone = 'taskgate_upstream_retries_forgone_total{account="eu2",endpoint="tasks"} 2.0'
    assert forgone in figures
    assert 'taskgate_breaker_state{account="eu2",part="api",state="open"} 1.0' in figures
