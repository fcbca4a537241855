"""Whatever is sent, by whomever: no 500, no byte of others, every error a problem."""

import asyncio
import re
from random import Random

import pytest
import structlog
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.fuzz.line import Server
from tests.fuzz.oracle import Answer, Asked, MalformedError, faults, parse
from tests.fuzz.requests import Heard, draw
from tests.fuzz.world import betrayed, scope_of, world

BATCH = 500  # requests to one service, which nobody has asked anything at first
_STEPS_S = (*[0] * 40, 0.5, 1, 1, 3, 11, 61)
_REMEMBERED, _RECENT = 50, 5
_CURSOR = re.compile(rb'"next_cursor":"([^"]+)"')


@pytest.fixture
def fuzz_requests(request: pytest.FixtureRequest) -> int:
    """How many requests are made."""
    number: int = request.config.getoption("--fuzz-requests")
    return number


def test_fuzz(fuzz_requests: int) -> None:
    """No mutation of method, path, query, headers or body causes a 500 or betrays what is hidden.

    An example is a seed, and a service of its own that answers the requests drawn from it: the
    same seed asks the same again.
    """

    @settings(
        max_examples=max(1, fuzz_requests // BATCH),
        derandomize=fuzz_requests <= 10_000,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64 - 1))
    def look(seed: int) -> None:
        found = asyncio.run(batch(seed))
        assert not found, "\n".join(f"{wrong} for {sent!r}" for sent, wrong in found[:9])

    look()


async def batch(seed: int) -> list[tuple[bytes, list[str]]]:
    """Ask one service, hot and cold, and return the requests that were answered wrongly."""
    rand, heard, own = Random(seed), Heard(), dict[str, set[bytes]]()  # noqa: S311  # repeatable
    app, time, _ = there = world()
    found: list[tuple[bytes, list[str]]] = []
    with capture_logs() as logs:
        async with app.router.lifespan_context(app):
            server = Server(app)
            for _ in range(BATCH):
                asked = draw(rand, heard)
                said = await server.hear(asked.sent, ragged=asked.ragged)
                given = own.setdefault(scope_of(asked.kind, asked.target), set())
                wrong = faults(asked, said.answer, given)
                wrong += _told(logs) if said.ended else ["it never ended"]
                if wrong:
                    found.append((asked.sent, wrong))
                _learn(asked, said.answer, heard, own)
                time.now += rand.choice(_STEPS_S)
    there.forget()
    return found


def _told(logs: list[structlog.typing.EventDict]) -> list[str]:
    """Return what the log told that it may not tell, and forget it."""
    text = str(logs)
    logs.clear()
    found = [f"logs {mark!r}" for mark in betrayed("", text.encode())]
    return [*found, text] if "request_crashed" in text else found


def _learn(asked: Asked, said: bytes, heard: Heard, own: dict[str, set[bytes]]) -> None:
    """Note the ETag and the cursor of an answer: others will present them."""
    try:
        answer = parse(said, headless=asked.method == b"HEAD")
    except MalformedError:
        return
    etag = answer.headers.get(b"etag")
    if etag is not None and not asked.ragged:
        heard.asked = [*heard.asked[-_RECENT:], asked]
    if etag is not None:
        own[scope_of(asked.kind, asked.target)].add(etag)
        heard.known = [*heard.known[-_REMEMBERED:], (asked.target, etag)]
    for cursor in _CURSOR.findall(answer.body[-2_000:]):
        heard.cursors = [*heard.cursors[-_REMEMBERED:], cursor]


REQUEST = Asked("north", b"GET", b"/", b"", b"", waits=False, ragged=False)
GOOD = b"HTTP/1.1 200 OK\r\nx-request-id: 1\r\ntraceparent: 2\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (GOOD, []),
        (b"", ["no answer"]),
        (GOOD.replace(b"{}", b"{"), ["malformed: 1 bytes instead of 2"]),
        (GOOD + GOOD, ["more than one answer"]),
        (GOOD.replace(b"200", b"500"), ["status 500", "an error that is no problem"]),
        (GOOD.replace(b"200", b"304"), ["more than one answer", "304 for a foreign etag"]),
        (GOOD.replace(b" 1\r", b" 1\nx: 2\r"), ["malformed: no head"]),
        (GOOD.replace(b"{}", b"1}") + b"cnryusb", ["betrays b'cnryusb'", "more than one answer"]),
    ],
)
def test_oracle(said: bytes, told: list[str]) -> None:
    """Each fault is seen, so that silence means something."""
    assert faults(REQUEST, said, set()) == told


def test_stranger() -> None:
    """Who is nobody is not answered, even where there is nothing to tell."""
    stranger = REQUEST._replace(kind="", target=b"/v1/tasks")

    assert faults(stranger, GOOD, set()) == ["let in a stranger"]
    assert faults(stranger._replace(target=b"/healthz"), GOOD, set()) == []


def test_parts() -> None:
    """An answer in parts is put together before it is looked at."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = parse(head + b"3\r\ncnr\r\n5\r\nyeu2b\r\n0\r\n\r\n", headless=False)

    assert answer == Answer(200, {b"transfer-encoding": b"chunked"}, b"cnryeu2b", b"")
    assert betrayed("north", answer.body) == {b"cnryeu2b"}
    assert betrayed("bakery", answer.body) == set()
