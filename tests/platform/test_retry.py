"""Rules of asking the platform again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from typing_extensions import override

from app.errors import UpstreamInvalidResponseError, UpstreamUnavailableError
from app.platform.attempt import extensions
from app.platform.budget import RetryBudget
from app.platform.events import Endpoint, Event, RetryForgone, RetryScheduled
from app.platform.retry import Retrying
from tests.support.platform import FakeTime

Step = int | httpx.Response | Exception


@dataclass
class Script(httpx.AsyncBaseTransport):
    """Answers with one step after the other."""

    steps: Sequence[Step]
    sent: int = 0
    closed: bool = False

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        step = self.steps[self.sent]
        self.sent += 1
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step, content=b"") if isinstance(step, int) else step

    @override
    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Trial:
    """One request through `Retrying`; every draw is one half."""

    script: Script
    time: FakeTime = field(default_factory=FakeTime)
    told: list[Event] = field(default_factory=list)
    charged: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = RetryBudget(monotonic=self.time.monotonic)

    async def ask(
        self, deadline: float = 90.0, endpoint: Endpoint = "tasks", **told: object
    ) -> httpx.Response:
        """Send the request, and tell more of it."""
        retrying = Retrying(
            self.script,
            account="eu2",
            budget=self.budget,
            charge=lambda: self.charged.append(self.time.now),
            monotonic=self.time.monotonic,
            sleep=self.time.sleep,
            rand=lambda: 0.5,
            listen=self.told.append,
        )
        facts = extensions(endpoint, deadline=deadline) | told
        request = httpx.Request("GET", "https://platform/", extensions=facts)
        response = await retrying.handle_async_request(request)
        await retrying.aclose()
        return response


def trial(*steps: Step) -> Trial:
    """Return a trial whose attempts end like this."""
    return Trial(Script(steps))


def asking_to_wait(status: int, value: str) -> httpx.Response:
    """Return an answer with a Retry-After."""
    return httpx.Response(status, headers={"Retry-After": value}, content=b"")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_errors(status: int) -> None:
    """A 500, 502, 503 or 504 is retried twice, after up to 1 s and up to 2 s, and then told."""
    asked = trial(status, status, status)
    response = await asked.ask()

    assert response.status_code == status
    assert asked.time.slept == [0.5, 1.0]
    assert asked.told == [
        RetryScheduled("eu2", "tasks", 1, "5xx", 0.5),
        RetryScheduled("eu2", "tasks", 2, "5xx", 1.0),
    ]


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout(""),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_connection_errors(error: Exception) -> None:
    """A connection that fails before an answer is retried; the next answer counts."""
    asked = trial(error, error, 200)
    response = await asked.ask()

    assert response.status_code == 200
    assert asked.told[0] == RetryScheduled("eu2", "tasks", 1, "unreachable", 0.5)


async def test_connection_error_thrice() -> None:
    """The third failure in a row is the answer."""
    asked = trial(*3 * [httpx.ConnectError("refused")])
    with pytest.raises(httpx.ConnectError):
        await asked.ask()

    assert asked.script.sent == 3


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 501])
async def test_never_retried(status: int) -> None:
    """No other status is retried, 429 least of all."""
    asked = trial(asking_to_wait(status, "1"))
    response = await asked.ask()

    assert response.status_code == status
    assert asked.time.slept == []


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout(""),
        httpx.WriteTimeout(""),
        httpx.PoolTimeout(""),
        UpstreamInvalidResponseError("Cut."),
        UpstreamUnavailableError("Open."),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_never_retried(error: Exception) -> None:
    """Time-outs have cost their time, and an error of ours from inside is final."""
    asked = trial(error)
    with pytest.raises(type(error)):
        await asked.ask()

    assert asked.script.sent == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_retry_after(status: int) -> None:
    """An answer that says when to come back is not retried here: all wait, at the gate."""
    asked = trial(asking_to_wait(status, "1"))
    response = await asked.ask()

    assert response.status_code == status
    assert asked.time.slept == []


async def test_no_budget() -> None:
    """When the budget is spent the failure is the answer, at once, and the lack is told."""
    asked = trial(503)
    while asked.budget.spend():
        pass
    response = await asked.ask()

    assert (response.status_code, asked.time.slept) == (503, [])
    assert asked.told == [RetryForgone("eu2", "tasks")]


@pytest.mark.parametrize(("endpoint", "charged"), [("tasks", [0.5, 1.5]), ("token", [])])
async def test_charged(endpoint: Endpoint, charged: list[float]) -> None:
    """Retries count into the pace of the account; the token endpoint is not paced."""
    asked = trial(503, 503, 200)
    await asked.ask(endpoint=endpoint)

    assert asked.charged == charged


async def test_connection_error_at_the_deadline() -> None:
    """Connection errors obey the deadline too."""
    asked = trial(httpx.ConnectError("refused"))
    with pytest.raises(httpx.ConnectError):
        await asked.ask(deadline=0.4)

    assert asked.script.sent == 1


async def test_close() -> None:
    """Closing reaches the transport inside."""
    asked = trial(200)
    await asked.ask()

    assert asked.script.closed


async def test_token_ends() -> None:
    """No retry is made with a token that may not be sent any more by then."""
    here = trial(503, 503, 200)
    response = await here.ask(usable_until=1.0)

    assert (response.status_code, here.script.sent) == (503, 2)


async def test_made_again() -> None:
    """A call that is made again with another token is charged, and earns no retry."""
    here = trial(*[200] * 9)
    for _ in range(9):
        await here.ask(again=True)
    retries = [here.budget.spend() for _ in range(3)]

    assert (len(here.charged), retries) == (9, [True, True, False])
