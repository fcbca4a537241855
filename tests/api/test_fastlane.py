"""What leaves by the fast lane is, byte for byte, what the slow way would have sent."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from gc import collect, get_objects
from math import inf
from typing import Any, Literal

import pytest
import uvloop
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.api.asgi_door import AsgiDoor
from app.api.fastlane import REPLIES_MAX, FastLane
from app.api.replies import DOORS, Asked, Reply, Trail
from app.cache.answers import Found, Kept
from app.service.encode import Answer, Delivery, encode
from app.service.questions import OneItem
from app.service.scope import ANYBODY
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network
from tests.support.upstream import FakeUpstream, a_task, an_activity
from tests.support.wire import Server, request, served

Mode = Literal["protocol", "asgi", "off"]
MODES: tuple[Mode, ...] = ("protocol", "asgi", "off")
TASK = "/v1/tasks/eu2.5"
GONE = b"/gone"


def app_in(mode: Mode, time: FakeTime, **options: Any) -> Any:
    """Build the service in one of its modes over a platform of twelve tasks."""
    upstream = FakeUpstream(
        tasks=[a_task(number) for number in range(1, 13)],
        activities=[an_activity(number, 5) for number in range(1, 4)],
        clock=time.clock,
    )
    return built(
        configured("eu2", fastlane=mode, cursor_secret="same for all"),
        network({"eu2": upstream}),
        time,
        **options,
    )


async def hits(mode: Mode, *asked: bytes) -> list[bytes]:
    """Return what repeated requests are answered, at the age of 0 and of 2.5 s."""
    time = FakeTime()
    async with served(app_in(mode, time), door=mode == "protocol") as server:
        wire = server.connect()
        for each in asked * 3:
            await wire.ask(each)
        young = [await wire.ask(each) for each in asked]
        time.now += 2.5
        return young + [await wire.ask(each) for each in asked]


async def etag(target: str, **headers: Any) -> str:
    """Return the ETag of an answer of the slow way."""
    async with served(app_in("off", FakeTime()), door=False) as server:
        answer = await server.connect().ask(request(target, **headers))
    return answer.split(b"etag: ")[1].split(b"\r\n")[0].decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", [False, True], ids=["whole", "conditional"])
@pytest.mark.parametrize("target", ["/v1/tasks?limit=5", TASK, f"{TASK}/activities"])
async def test_same_bytes(target: str, known: bool, method: str) -> None:  # noqa: FBT001
    """All three ways send the same status, headers and body, in every coding at every age."""
    asked = [
        request(
            target,
            method,
            accept_encoding=coding,
            if_none_match=await etag(target, accept_encoding=coding) if known else None,
        )
        for coding in (None, "gzip", "br", "zstd", "identity", "gzip;q=0, *;q=0.5")
    ]
    protocol, asgi, off = [await hits(mode, *asked) for mode in MODES]

    assert protocol == asgi == off
    assert len(set(off)) >= 8
    status = b"HTTP/1.1 304" if known else b"HTTP/1.1 200"
    assert all(answer.startswith(status) and b"; hit; " in answer for answer in off)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_same_problems(method: str) -> None:
    """All three ways refuse the same in the same bytes, however often, beside what they answer."""
    asked = [
        request(TASK, method),
        request(TASK, method, accept_encoding="identity;q=0"),
        request(TASK, method, accept_encoding="*;q=0"),
        request(TASK, method, x_request_timeout_ms="soon"),
        request("/v1/tasks?max_age=soon", method),
        request("/v1/tasks?limit=0", method),
        request("/v1/tasks?cursor=x", method),
        request("/v1/tasks/eu2.99", method),
        request("/v1/nothing", method),
    ]
    protocol, asgi, off = [await hits(mode, *asked) for mode in MODES]

    assert protocol == asgi == off
    statuses = [int(answer[9:12]) for answer in off]
    assert statuses == [200, 406, 406, 400, 400, 400, 400, 404, 404] * 2


@pytest.mark.parametrize("mode", MODES)
async def test_refused_for_nothing(mode: Mode) -> None:
    """Who takes no form of an answer costs the platform no call."""
    app = app_in(mode, FakeTime())
    async with served(app, door=mode == "protocol") as server:
        answer = await server.connect().ask(request(accept_encoding="identity;q=0"))

    assert answer.startswith(b"HTTP/1.1 406 ")
    assert not app.state.cache.figures().entries


@pytest.mark.parametrize("behind", ["", " ", "\t "], ids=["none", "blank", "tab and blank"])
async def test_blanks_behind_names(behind: str) -> None:
    """Blanks behind an id or a trace are no part of it, whichever way it goes (RFC 9110 5.5)."""
    traced = f"00-{'3' * 32}-{'4' * 16}-00"
    asked = request(x_request_id=f"mine{behind}", traceparent=traced + behind)
    protocol, asgi, off = [await hits(mode, asked) for mode in MODES]

    assert protocol == asgi == off
    names = b"\r\nx-request-id: mine\r\ntraceparent: %b\r\n" % traced.encode()
    assert all(names in answer for answer in off)


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
async def test_steps_rest_on_the_task(hard: bool) -> None:  # noqa: FBT001  # two ways
    """The steps of a task end with the answer by which it was found, as they do the slow way."""
    app, asked = app_in("protocol", FakeTime()), request(f"{TASK}/activities")
    async with served(app) as server:
        await learned(server, asked)
        by_lane = await server.connect().ask(asked)
        await app.state.cache.purge(lambda key: isinstance(key, OneItem), hard=hard)
        answer = await server.connect().ask(asked)

    assert (b"; hit; " in by_lane, answer.startswith(b"HTTP/1.1 200 ")) == (True, True)
    assert server.asgi_calls == 1


async def test_steps_end_with_the_task() -> None:
    """The steps of a task leave by the lane no longer than the answer by which it was found."""
    time, asked = FakeTime(), request(f"{TASK}/activities")
    async with served(app_in("protocol", time)) as server:
        task = await server.connect().ask(request(TASK))
        fresh_s = int(task.split(b"max-age=")[1].split(b"\r\n")[0])
        time.now = fresh_s - 2
        await learned(server, asked)
        calls = []
        for time.now in (fresh_s - 0.1, fresh_s):
            await server.connect().ask(asked)
            calls.append(server.asgi_calls)

    assert calls == [0, 1]


async def test_uses_of_all_it_rests_on() -> None:
    """A hit by the lane counts as the slow way's does, for each answer that it rests on."""
    counted = []
    for mode in MODES:
        app = app_in(mode, FakeTime())
        async with served(app, door=mode == "protocol") as server:
            await learned(server, *[request(f"{TASK}/activities")] * 2)
        counted.append(app.state.cache.figures().hits)

    assert counted == [10] * 3


@pytest.mark.parametrize("mode", ["protocol", "asgi"])
async def test_coding_without_room(mode: Mode) -> None:
    """A coding for which the cache has no room is not held by the lane either."""
    app = app_in(mode, FakeTime())
    app.state.cache.grow = lambda *_: False
    asked = [request("/v1/tasks?limit=12", accept_encoding="gzip", user_agent=n) for n in range(3)]
    async with served(app, door=mode == "protocol") as server:
        await learned(server, *asked)
        answers = [await server.connect().ask(each) for each in asked]

    assert all(b"content-encoding: gzip" in answer for answer in answers)
    assert not app.state.lane._replies  # noqa: SLF001  # nothing else shows it


@pytest.mark.parametrize("mode", MODES)
async def test_two_traces(mode: Mode) -> None:
    """Two traces begin a new one, also where they would look like one if they were joined."""
    sent = "1" * 32
    asked = request(traceparent=f"01-{sent}-{'2' * 16}-01-x\r\ntraceparent: other")

    assert all(sent.encode() not in answer for answer in await hits(mode, asked))


async def test_request_ids() -> None:
    """A sane id comes back, and each request without one gets another."""
    asked = [request(x_request_id=sent) for sent in ("mine", "other", "not sane", None)]
    answers = await hits("protocol", *asked)
    ids = [answer.split(b"x-request-id: ")[1].split(b"\r\n")[0] for answer in answers]

    assert ids[0::4] == [b"mine"] * 2
    assert ids[1::4] == [b"other"] * 2
    assert len(set(ids)) == 6


@pytest.mark.parametrize("mode", ["protocol", "asgi"])
async def test_lane_is_used(mode: Mode) -> None:
    """The third of three equal requests leaves by the lane; in `protocol` ASGI is not reached."""
    async with served(app_in(mode, FakeTime()), door=mode == "protocol") as server:
        wire = server.connect()
        for _ in range(4):
            await wire.ask(request())

    assert server.asgi_calls == (2 if mode == "protocol" else 4)


@pytest.mark.parametrize(
    "headers",
    [
        {"cache_control": "no-cache"},
        {"cache_control": "max-age=5"},
        {"x_request_timeout_ms": "500"},
        {"content_length": "0"},
        {"expect": "100-continue"},
        {"upgrade": "h2c", "connection": "upgrade"},
        {"padding": "x" * 5000},
        {"transfer_encoding": "chunked"},
    ],
    ids=["no-cache", "max-age", "timeout", "body", "expect", "upgrade", "long", "chunks"],
)
async def test_slow_way_only(headers: dict[str, str]) -> None:
    """A request with a wish of its own, or that may go on after its head, takes the slow way."""
    body = b"0\r\n\r\n" if "transfer_encoding" in headers else b""
    async with served(app_in("protocol", FakeTime())) as server:
        wire = server.connect()
        for _ in range(4):
            await wire.ask(request(**headers) + body)

    assert server.asgi_calls == 4


@pytest.mark.parametrize(
    ("target", "method"),
    [("/v1/tasks?max_age=5", "GET"), ("/healthz", "GET"), ("/v1/tasks", "POST"), ("/v1/x", "GET")],
    ids=["twin", "not kept", "post", "404"],
)
async def test_not_remembered(target: str, method: str) -> None:
    """Only answers that the slow way found kept, for a usual wish, are remembered."""
    async with served(app_in("protocol", FakeTime())) as server:
        wire = server.connect()
        for _ in range(4):
            await wire.ask(request(target, method))

    assert server.asgi_calls == 4


async def learned(server: Server, *asked: bytes) -> None:
    """Let the lane learn the answers."""
    for each in asked:
        for _ in range(3):
            await server.connect().ask(each)
    server.asgi_calls = 0


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
async def test_clock_ends_it(sent_id: str | None) -> None:
    """Nothing is answered a moment after its freshness."""
    time, asked = FakeTime(), request(x_request_id=sent_id)
    async with served(app_in("protocol", time)) as server:
        await learned(server, asked)
        time.now = 9.999
        before = await server.connect().ask(asked)
        time.now = 10.0
        after = await server.connect().ask(asked)

    assert b"taskgate; hit; ttl=0\r\n" in before
    assert b"taskgate; hit; ttl=0\r\n" in after
    assert b"age: 10" in after
    assert server.asgi_calls == 1


@pytest.mark.parametrize("sent_id", ["mine", None], ids=["parsed", "head seen before"])
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
async def test_purge_ends_it(hard: bool, sent_id: str | None) -> None:  # noqa: FBT001  # two ways
    """A purge holds for the very next request."""
    app, asked = app_in("protocol", FakeTime()), request(x_request_id=sent_id)
    async with served(app) as server:
        await learned(server, asked)
        await app.state.cache.purge(lambda _: True, hard=hard)
        answer = await server.connect().ask(asked)

    assert b"fwd=" in answer
    assert server.asgi_calls == 1


def alive(kind: type) -> int:
    """Return how many objects of a kind there are."""
    collect()
    return sum(isinstance(each, kind) for each in get_objects())


async def test_dead_answer_is_let_go() -> None:
    """A head that was answered holds nothing of an answer that ended, and goes when it is asked."""
    app, asked = app_in("protocol", FakeTime()), request(x_request_id=None)
    async with served(app) as server:
        await learned(server, asked)
        wire = server.connect()
        answers, replies = alive(Answer), alive(Reply)
        await app.state.cache.purge(lambda _: True, hard=True)
        assert (alive(Answer), alive(Reply)) == (answers - 1, replies)
        await wire.ask(asked)

    assert not wire.protocol.heads  # type: ignore[attr-defined]  # the door's own


def test_purged_is_let_go() -> None:
    """What was learnt and is purged is held by nobody, on the loop that the service runs on.

    asyncio's own holds timers that were cancelled, and with each the context that it was made in.
    """

    async def ask_and_purge() -> int:
        app = app_in("protocol", FakeTime())
        async with served(app) as server:
            await learned(server, *(request(f"/v1/tasks?limit={size}") for size in range(1, 13)))
            held = alive(Answer)
            await app.state.cache.purge(lambda _: True, hard=True)
            return held - alive(Answer)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask_and_purge()) == 12


class Everlasting:
    """A cache that holds everything until it is told otherwise."""

    def watch(self, ended: Callable[[Hashable], None]) -> None:
        """Take down whom to tell."""
        self.end = ended

    def holds(self, found: Delivery) -> bool:
        """Say yes, but for one key."""
        return found.key != GONE


def lane_over(cache: Everlasting) -> FastLane:
    """Return a lane that lets in everybody but those who name nobody."""
    return FastLane(
        who=lambda headers: None if (b"from", b"nobody") in headers else ANYBODY,
        limits=lambda _: (),
        cache=cache,
        sent=lambda *_: None,
        monotonic=lambda: 0.0,
    )


def teach(
    lane: FastLane,
    target: bytes,
    *,
    key: bytes | None = None,
    header: bytes = b"age",
    doors: Sequence[bytes] = DOORS,
    body: bytes | None = None,
) -> Asked:
    """Let `lane` learn the answer at `target`, kept under `key`, good for a minute."""
    value = encode({})
    found = Found(Kept(value, None, 0.0, 60.0, 0, whole=True), "hit", key=key or target)
    asked = lane.read("GET", target, [], None)
    assert asked is not None
    headers = [(name, b"0") for name in (header, *doors)]
    lane.learn(asked, Trail(found), 200, headers, value.body if body is None else body)
    return asked


def test_bounded() -> None:
    """The lane remembers so many replies; the oldest makes room."""
    lane = lane_over(Everlasting())
    asked = [teach(lane, b"/%d" % number) for number in range(REPLIES_MAX + 1)]

    assert [lane.find(each, 1.0) is None for each in asked[:2]] == [True, False]
    assert lane.find(asked[-1], 1.0) is not None


def test_flood() -> None:
    """What was asked for again stays, however many come that nobody asks for twice."""
    lane = lane_over(Everlasting())
    hot = [teach(lane, b"/hot/%d" % number) for number in range(200)]
    found = [lane.find(each, 1.0) for each in hot]
    for number in range(10 * REPLIES_MAX):
        teach(lane, b"/once/%d" % number)

    kept = [lane.find(each, 1.0) is not None for each in hot]
    assert all(found)
    assert sum(kept) >= 190


def test_all_are_asked_for() -> None:
    """One makes room also where all were asked for again, and the new one has its chance."""
    lane = lane_over(Everlasting())
    for number in range(REPLIES_MAX):
        lane.find(teach(lane, b"/%d" % number), 1.0)
    asked = teach(lane, b"/new")

    assert lane.find(asked, 1.0) is not None
    assert len(lane._replies) == REPLIES_MAX  # noqa: SLF001  # nothing else shows it


def test_keys_of_the_forgotten() -> None:
    """A key whose replies made room is forgotten with them."""
    lane = lane_over(Everlasting())
    for number in range(REPLIES_MAX + 9):
        teach(lane, b"/%d" % number)

    assert len(lane._of_key) == REPLIES_MAX  # noqa: SLF001  # nothing else shows it


def test_key_of_several() -> None:
    """Another reply of the same key stays when one makes room."""
    cache = Everlasting()
    lane = lane_over(cache)
    first, second = teach(lane, b"/a", key=b"k"), teach(lane, b"/b", key=b"k")
    for number in range(REPLIES_MAX - 1):
        teach(lane, b"/%d" % number)
    stays = lane.find(second, 1.0)
    cache.end(b"k")

    assert (lane.find(first, 1.0), stays is not None) == (None, True)
    assert lane.find(second, 1.0) is None


def test_learned_twice() -> None:
    """What is learned anew replaces the old, and ends with its key."""
    cache = Everlasting()
    lane = lane_over(cache)
    teach(lane, b"/a")
    asked = teach(lane, b"/a")
    found = lane.find(asked, 59.9)
    cache.end(b"/a")

    assert found is not None
    assert (lane.find(asked, 1.0), found.body, found.fresh_until) == (None, b"", -inf)


@pytest.mark.parametrize(
    "odd",
    [
        {"header": b"x-new"},
        {"key": GONE},
        {"doors": DOORS[:-1]},
        {"doors": ()},
        {"doors": (*DOORS, DOORS[0])},
        {"doors": DOORS[::-1]},
        {"body": bytes(bytearray(b"{}"))},
    ],
    ids=["header", "replaced", "no trace", "problem", "twice", "other order", "strange body"],
)
def test_not_learned(odd: dict[str, Any]) -> None:
    """An answer that no door could send anew, or that is not the cache's own, is left."""
    lane = lane_over(Everlasting())

    assert lane.find(teach(lane, b"/a", **odd), 1.0) is None


async def test_consumer_is_asked_each_time() -> None:
    """A consumer who was let in and is no longer goes the slow way at once."""
    app, asked = app_in("protocol", FakeTime()), request(x_request_id=None)
    async with served(app) as server:
        await learned(server, asked)
        app.state.lane.who = lambda _: None
        await server.connect().ask(asked)
        app.state.lane.who = lambda _: replace(ANYBODY, rate=2.0)
        await server.connect().ask(asked)

    assert server.asgi_calls == 2


async def test_answer_in_pieces() -> None:
    """An answer that comes in pieces passes the door as it is, each time."""
    sent: list[Message] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        kept = Kept(encode({}), None, 0.0, 60.0, 0, whole=True)
        scope["state"]["trail"].found = Found(kept, "hit", key="k")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    door = AsgiDoor(app, lane=lane_over(Everlasting()))
    for _ in range(2):
        await door(scope, nothing, send)

    assert [message.get("body") for message in sent] == [None, b"a", b"b"] * 2


async def nothing() -> Message:
    """Receive nothing."""
    raise AssertionError("nobody reads here")


@pytest.mark.parametrize("scope", [{"type": "lifespan"}, {"type": "http", "method": "PUT"}])
async def test_passes_through(scope: Scope) -> None:
    """What the lane can't be about passes untouched."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    await AsgiDoor(app, lane=lane_over(Everlasting()))(scope, nothing, seen.append)  # type: ignore[arg-type]  # not used

    assert seen[0] is scope


async def test_unknown_consumer_passes() -> None:
    """Whom the lane doesn't know the slow way serves, and the lane learns nothing."""
    app = app_in("asgi", FakeTime())
    app.state.lane.who = lambda _: None
    async with served(app, door=False) as server:
        answers = [await server.connect().ask(request()) for _ in range(4)]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


def test_unknown_consumer() -> None:
    """Whoever must go the slow way to be known is not the lane's."""
    assert lane_over(Everlasting()).read("GET", b"/", [(b"from", b"nobody")], None) is None


@pytest.mark.parametrize("mode", ["protocol", "asgi"])
async def test_same_line(mode: Mode) -> None:
    """A hit by the lane has the log line of one by the slow way, and counts as one."""
    app = app_in(mode, FakeTime())
    with capture_logs() as lines:
        async with served(app, door=mode == "protocol") as server:
            for _ in range(4):
                await server.connect().ask(request())
    served_lines = [line for line in lines if line["event"] == "request_served"]

    assert len(served_lines) == 4
    assert served_lines[1] == served_lines[2] == served_lines[3]
    labels = {"route": "/v1/tasks", "method": "GET", "status": "200", "cache": "hit"}
    value = app.state.metrics.registry.get_sample_value
    assert value("taskgate_requests_total", labels) == 3
    assert value("taskgate_request_duration_seconds_count", {"route": "/v1/tasks"}) == 4
    assert value("taskgate_cache_lookups_total", {"outcome": "hit"}) == 3
