"""Rules of a platform that minds how often it is asked."""

import httpx

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from tests.sandbox.conftest import TOKEN, Api, Clock


async def statuses(clock: Clock, *pauses: float) -> list[int]:
    """Ask a platform that bears two requests a second, after each of these pauses."""
    app = create_sandbox(clock=clock, history_days=1, rate=2, retry_after_s=5)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        form, auth = (
            {"grant_type": "client_credentials"},
            (DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET),
        )
        token = (await http.post(TOKEN, data=form, auth=auth)).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        found = []
        for pause in pauses:
            clock.now_s += pause
            answer = await Api(http).get("tasks", "limit=1")
            found.append(answer.status_code)
            if answer.status_code == 429:
                assert answer.headers["Retry-After"] == "5"
                assert answer.json()["error"]["code"] == "tooManyRequests"
        assert len(app.state.rate_limit.refused) == found.count(429)
        return found


async def test_rate(clock: Clock) -> None:
    """A burst of one second's worth passes, and then the rate; tokens are free."""
    assert await statuses(clock, 0, 0, 0.5, 0.5, 0) == [200, 200, 200, 200, 429]


async def test_quiet(clock: Clock) -> None:
    """Who is told to wait and doesn't is told again, and waits anew."""
    assert await statuses(clock, 0, 0, 0, 4, 4, 5) == [200, 200, 429, 429, 429, 200]
