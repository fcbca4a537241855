"""Requests as nobody sends them: words of the real ones, turned, doubled, cut and spelt oddly."""

from dataclasses import dataclass, field
from random import Random
from typing import Final
from urllib.parse import quote_from_bytes

from tests.fuzz.oracle import Asked
from tests.fuzz.tokens import oddity
from tests.fuzz.world import KINDS, credentials
from tests.support.estate import BAKERY, NORTH, NORTH_UUID, PARTNER

_IDS: Final = (
    b"eu2.1",
    b"us.2",
    b"1",
    b"2",
    b"4",
    b"eu2.501",
    b"us.502",
    b"eu2.99",
    b"moon.1",
    b"0",
    b"00000000-0100-4000-8000-000000000001",
    b"00000000-0200-4000-8000-000000000002",
)
_PATHS: Final = (
    *[b"/v1/tasks"] * 24,
    *[b"/v1/activities"] * 9,
    *[b"/v1/tasks/%s"] * 7,
    *[b"/v1/tasks/%s/activities"] * 4,
    *[b"/v1/activities/%s"] * 4,
    *[b"/v1/accounts"] * 2,
    *[b"/v1/admin/explain"] * 2,
    *[b"/v1/admin/purge"] * 3,
    b"/healthz",
    b"/readyz",
    b"/metrics",
    b"/docs",
    b"/redoc",
    b"/openapi.json",
    b"/problems",
    b"/problems/internal",
    b"/static/docs.css",
    b"/",
    b"/v2/tasks",
    b"/v1",
)
_TIMES: Final = (
    b"2026-01-01T00:00:02Z",
    b"24h",
    b"9999999d",
    b"1767225602",
    b"2026-01-01",
    b"2026-01-01T00:00:02%2B01:00",
    b"1e400",
    b"-1h",
    b"0001-01-01T00:00:00Z",
)
_TENANTS: Final = (
    NORTH.encode(),
    BAKERY.encode(),
    PARTNER.encode(),
    NORTH_UUID.encode(),
    b"1",
    b"999",
)
_VALUES: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"limit": (b"1", b"2", b"3", b"1000", b"0", b"1001", b"1e3", b"01"),
    b"id": (*_IDS, b"eu2.1,us.2", b",".join([b"eu2.1"] * 201)),
    b"tenant": (*_TENANTS, NORTH.encode() + b"," + BAKERY.encode()),
    b"tenant_scope": (b"exact", b"subtree"),
    b"account": (b"eu2", b"us", b"EU2", b"eu2,us", b"moon", b"eu"),
    b"status": (b"failed", b"running,queued", b"unknown", b"FAILED", b"nothing"),
    b"status_group": (b"failure", b"pending,active", b"success"),
    b"state": (b"completed", b"started", b"odd"),
    b"result": (b"ok", b"error", b"odd"),
    b"category": (b"backup", b"other"),
    b"type": (b"D332948D-A7A9-4E07-B76C-253DCF6E17FB", b"x"),
    b"policy_name": (b"a", b"~a", b"~", b"like(a)", b"(", b"a\\,b", b"~(x)"),
    b"resource_name": (b"a", b"~cn", b"~%25", b"~_", b"gt(1)", b")"),
    b"resource": (b"a",),
    b"policy": (b"a",),
    b"queue": (b"backup",),
    b"agent": (b"a",),
    b"priority": (b"normal", b"below_normal", b"belowNormal"),
    b"tag": (b"a",),
    b"workflow": (b"1",),
    b"started_by": (b"~c", b"a"),
    b"error_code": (b"a",),
    b"roots_only": (b"true", b"1", b"maybe"),
    b"created_after": _TIMES,
    b"created_before": _TIMES,
    b"updated_after": _TIMES,
    b"completed_before": _TIMES,
    b"started_after": _TIMES,
    b"sort": (b"created_at", b"-updated_at", b"completed_at", b"started_at", b"id", b"--x"),
    b"fields": (b"id", b"id,tenant.name", b"tenant", b"odd", b"raw", b"id,id"),
    b"include": (b"raw", b"activities", b"raw,result_payload,activities", b"odd"),
    b"partial": (b"deny", b"allow"),
    b"view": (b"tree", b"flat"),
    b"task": _IDS,
    b"parent": _IDS,
    b"max_age": (b"0", b"1", b"99999999999999999999", b"-1"),
    b"cached_only": (b"true", b"false"),
    b"max_stale": (b"0", b"99"),
    b"v": (b"0000",),
    b"path": (b"/v1/tasks", b"/v1/tasks?limit=1", b"/v1/tasks/eu2.1", b"/metrics", b"http://x/v1"),
    b"odd": (b"1",),
    b"Limit": (b"1",),
    b"": (b"",),
}
_SELDOM: Final = (b"view", b"v", b"path", b"odd", b"Limit", b"", b"task", b"parent")
_OFTEN: Final = tuple(name for name in _VALUES if name not in _SELDOM)
_HEADERS: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"If-None-Match": (b"*", b'"x"', b'W/"x"', b'"', b'"a", "b"'),
    b"Cache-Control": (
        b"no-cache",
        b"only-if-cached",
        b"max-age=0",
        b"max-stale",
        b"no-store",
        b"max-age=1e9",
        b"max-age=-1",
        b"stale-if-error=5, max-age=1",
        b"=",
        b",",
    ),
    b"Accept-Encoding": (
        b"gzip",
        b"br",
        b"zstd",
        b"gzip;q=0, br;q=0.5",
        b"*",
        b"*;q=0",
        b"gzip;q=x",
        b"identity;q=0",
        b"gzip, br, zstd, deflate",
    ),
    b"Accept": (
        b"application/json",
        b"text/html",
        b"*/*;q=0",
        b"application/openmetrics-text",
        b"/",
    ),
    b"X-Request-Timeout-Ms": (b"1", b"100000", b"0", b"-1", b"1e3", b"9" * 30),
    b"X-Request-Id": (b"mine", b"x" * 200, b"a b", b"\xc3\xa9"),
    b"Origin": (b"https://app.example.org", b"https://evil.example.org", b"null", b"*"),
    b"Access-Control-Request-Method": (b"GET", b"PUT"),
    b"Host": (b"gate", b"gate:80", b"evil.example.org", b"", b"[::1", b"a,b"),
    b"X-Forwarded-For": (b"8.8.8.8", b"8.8.8.8, 192.0.2.9", b"nonsense", b"::ffff:1.2.3.4", b",,"),
    b"X-Forwarded-Proto": (b"https", b"javascript", b"https, http"),
    b"X-API-Key": (b"tg_nobody", b"", b"x" * 9000, b"a.b.c"),
    b"Authorization": (b"Bearer tg_nobody", b"Bearer", b"Basic eDp5", b"Bearer a.b.c", b"bearer  "),
    b"Range": (b"bytes=0-10", b"bytes=-1", b"bytes=0-0,1-1"),
    b"If-Modified-Since": (b"Mon, 23 Nov 2026 10:00:00 GMT", b"0"),
    b"If-Match": (b"*", b'"x"'),
    b"traceparent": (
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"00-0-0-0",
        b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"00",
    ),
    b"Cookie": (b"a=b",),
    b"Connection": (b"close", b"keep-alive", b"upgrade"),
    b"Upgrade": (b"websocket", b"h2c"),
    b"Expect": (b"100-continue",),
    b"TE": (b"trailers",),
    b"Forwarded": (b"for=8.8.8.8;proto=https",),
    b"X-Original-URL": (b"/v1/admin/explain",),
    b"X-HTTP-Method-Override": (b"POST",),
    b"Content-Type": (b"application/json", b"text/plain"),
}
_METHODS: Final = (
    *[b"GET"] * 60,
    *[b"HEAD"] * 5,
    *[b"POST"] * 3,
    b"OPTIONS",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"BREW",
    b"get",
    b"CONNECT",
)
_BODIES: Final = (
    b'{"all":true}',
    b'{"account":"eu2","hard":true}',
    b'{"tenant":"1496301"}',
    b'{"query":"/v1/tasks"}',
    b"{}",
    b"[]",
    b"",
    b'{"all":1e999}',
    b'{"query":"/v1/tasks?limit=%s"}',
    b"[" * 3000,
    b"\xff",
    b"x" * 70_000,
)
_BITS: Final = (
    b"%00",
    b"%2e%2e/",
    b"..",
    b"/",
    b"//",
    b"?",
    b"&",
    b"=",
    b"%",
    b"#",
    b",",
    b"\\,",
    b";",
    b"'",
    b'"',
    b"~",
    b"*",
    b"\xff",
    b"\x00",
    b"%c3%28",
    b"%ff",
    b"%E2%80%AE",
    b"eu2.",
    b"us.",
    b"-1",
    b" ",
    b"9" * 30,
    b"NaN",
    b"{}",
    b"{{7*7}}",
    b"x" * 300,
    b"\r\n",
    b"\n",
    b"a" * 9000,
    b"%0d%0a",
    b"+",
    b"\t",
    b"id=",
    b"tenant=",
    b"account=",
    b"cursor=",
    b"include=raw",
    b"limit=0",
    b"(",
    b")",
    b"%252e",
)
_PLAIN: Final = bytes(range(0x21, 0x7F))
_ASKS_WHO: Final = {b"authorization", b"x-api-key"}
_RAGGED: Final = (
    b"Content-Length: 5",
    b"Content-Length: x",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b" folded: 1",
    b"no colon",
    b": no name",
)


@dataclass
class Heard:
    """What answers have told so far, and may be used by anybody else."""

    known: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Targets, each with the `ETag` that somebody was given there."""
    asked: list[Asked] = field(default_factory=list)
    """Whole requests: what is kept may be found by their bytes."""
    cursors: list[bytes] = field(default_factory=list)


def draw(rand: Random, heard: Heard) -> Asked:
    """Make up a request, or send one again."""
    if heard.asked and rand.random() < 0.2:
        return _again(rand, rand.choice(heard.asked))
    kind, method = rand.choice(KINDS), rand.choice(_METHODS)
    target = _target(rand, heard)
    headers = [(b"Host", b"gate"), *credentials(kind)]
    drawn = [_header(rand, heard) for _ in range(rand.choice((0, 0, 1, 1, 2, 4)))]
    if heard.known and rand.random() < 0.15:
        target, etag = rand.choice(heard.known)
        drawn += [(b"If-None-Match", etag)] * (rand.random() < 0.7)
    if rand.random() < 0.5 and any(name.lower() in _ASKS_WHO for name, _ in drawn):
        kind, headers = "", headers[:1]
    elif rand.random() < 0.1:
        kind, token = oddity(rand, lambda part: _mutated(rand, part, rarely=1))
        carrier = rand.choice(((b"Authorization", b"Bearer "), (b"X-API-Key", b"")))
        headers = [headers[0], (carrier[0], carrier[1] + token)]
    headers += drawn
    body = b""
    if method == b"POST":
        body = _mutated(rand, rand.choice(_BODIES), rarely=0.5)
        headers.append((b"Content-Length", b"%d" % len(body)))
    lines = [b"%s: %s" % each for each in headers]
    ragged = rand.random() < 0.02
    if ragged:
        lines.insert(rand.randrange(len(lines) + 1), rand.choice(_RAGGED))
    loose = any(b"\r" in value or b"\n" in value for value in (target, *dict(headers).values()))
    odd = any(name.lower() in {b"expect", b"connection", b"upgrade"} for name, _ in drawn)
    sent = b"\r\n".join([b"%s %s HTTP/1.1" % (method, target), *lines, b"", body])
    etags = b" ".join(value for name, value in headers if name == b"If-None-Match")
    waits = any(name == b"X-Request-Timeout-Ms" for name, _ in headers)
    return Asked(kind, method, target, sent, etags, waits, ragged or loose or odd)


def _again(rand: Random, asked: Asked) -> Asked:
    """Return a request as it was, or as another consumer would send it to the byte."""
    old, other = credentials(asked.kind), rand.choice(KINDS)
    new = credentials(other)
    # Whoever sent several credentials stays who that was.
    alone = (
        asked.sent.lower().count(b"authorization: ") == 1 and b"x-api-key" not in asked.sent.lower()
    )
    if not (old and new and alone and old[0][1] in asked.sent and rand.random() < 0.5):
        return asked
    return asked._replace(kind=other, sent=asked.sent.replace(old[0][1], new[0][1]))


def _target(rand: Random, heard: Heard) -> bytes:
    path = rand.choice(_PATHS)
    if b"%s" in path:
        path = path.replace(b"%s", rand.choice(_IDS))
    pairs = [_pair(rand) for _ in range(rand.choice((0, 1, 1, 2, 3)))]
    if heard.cursors and rand.random() < 0.1:
        pairs.append(b"cursor=" + _mutated(rand, rand.choice(heard.cursors), rarely=0.3))
    path = _mutated(rand, path, rarely=0.1)
    query = _mutated(rand, b"&".join(pairs), rarely=0.15)
    target = path + b"?" + query if query or rand.random() < 0.1 else path
    # What no client can send is sent now and then, and spelt as clients do else.
    return target if rand.random() < 0.03 else quote_from_bytes(target, safe=_PLAIN).encode()


def _pair(rand: Random) -> bytes:
    name = rand.choice(_OFTEN if rand.random() < 0.9 else _SELDOM)
    known = _VALUES[name if rand.random() < 0.97 else rand.choice(_OFTEN)]
    value = known[0] if rand.random() < 0.4 else rand.choice(known)  # the first are all right
    value = _mutated(rand, value, rarely=0.1)
    if rand.random() < 0.1:
        value = b"".join(b"%%%02x" % each for each in value[:200])
    return name + b"=" + value


def _header(rand: Random, heard: Heard) -> tuple[bytes, bytes]:
    name = rand.choice(tuple(_HEADERS))
    value = rand.choice(_HEADERS[name])
    if name == b"If-None-Match" and heard.known and rand.random() < 0.7:
        value = rand.choice(heard.known)[1]
    if name == b"Authorization" and rand.random() < 0.3:
        value = credentials(rand.choice(("north", "bakery")))[0][1]
        return name, value[: rand.randrange(len(value))] + b"0"
    return name, _mutated(rand, value, rarely=0.2)


def _mutated(rand: Random, text: bytes, *, rarely: float) -> bytes:
    """Return `text`, seldom with a few bytes put in, taken out, changed, doubled or cut."""
    if rand.random() >= rarely:
        return text
    for _ in range(rand.choice((1, 1, 1, 2, 3))):
        at, end = sorted((rand.randint(0, len(text)), rand.randint(0, len(text))))
        bit = rand.choice(
            (rand.choice(_BITS), rand.choice(_BITS), rand.randbytes(2), text[at:end], b"")
        )
        text = text[:at] + bit + text[rand.choice((at, at, end)) :]
    return text
