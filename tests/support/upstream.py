"""A platform in memory: as strict as the documented one, and failing on demand."""

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
from typing_extensions import override

TOKEN_PATH = "/api/2/idp/token"
BASE_PATH = "/api/task_manager/v2"

# Filter → where its value stands in a task or an activity (P§4.1).
_TEXTS = {
    "uuid": "uuid",
    "type": "type",
    "state": "state",
    "resultCode": "result.code",
    "startedBy": "startedByUser",
    "policyId": "policy.id",
    "policyName": "policy.name",
    "policyType": "policy.type",
    "resourceId": "resource.id",
    "resourceName": "resource.name",
    "resourceType": "resource.type",
    "workflowId": "workflowId",
    "queue": "queue",
    "priority": "priority",
    "executorId": "executor.id",
    "id": "id",
    "tag": "tags",
    "taskId": "taskId",
    "parentActivityId": "parentActivityId",
}
_TIMES = {"enqueuedAt", "assignedAt", "createdAt", "startedAt", "updatedAt", "completedAt"}
_ORDERED = {"id", "uuid", "type", "priority", "startedByUser", "state", *_TIMES}
_ONCE = {"lod", "limit", "after", *_TIMES}
# What either kind lacks of what the other has (P§4.1, P§6).
_LACKED = {
    "tasks": {"createdAt", "taskId", "parentActivityId"},
    "activities": {"enqueuedAt", "assignedAt", "queue", "priority", "executorId"},
}
_LODS = {"tiny", "short", "long", "full", "debug"}
_BOUND = re.compile(r"(gt|ge|lt|le)\((.+)\)")
_LIKE = re.compile(r"like\((.+)\)", re.DOTALL)
_ORDER = re.compile(r"(asc|desc)\((\w+)\)")


def a_task(number: int, **fields: object) -> dict[str, Any]:
    """Return a finished backup as the platform prints it; `fields` replace whole values.

    Numbers are seconds apart: `enqueuedAt` is 2026-01-01 plus `number` seconds, up to an hour.
    """
    at = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}"
    task: dict[str, Any] = {
        "id": number,
        "idString": str(number),
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "type": "D332948D-A7A9-4E07-B76C-253DCF6E17FB",
        "state": "completed",
        "queue": "backup",
        "priority": "normal",
        "tenant": {"id": "1496265", "name": "John Doe", "locator": "/1/1496262/1496265/"},
        "issuer": {"id": "policy-manager", "clusterId": ""},
        "executor": {"id": "0d6b8c1e-52a7-4d0c-9c3f-6e1c7a5b9e31", "clusterId": ""},
        "enqueuedAt": f"{at}.1Z",
        "startedAt": f"{at}.2Z",
        "completedAt": f"{at}.3Z",
        "updatedAt": f"{at}.34Z",
        "cancelRequested": False,
        "result": {"code": "ok"},
    }
    return task | fields


def an_activity(number: int, task: int, **fields: object) -> dict[str, Any]:
    """Return a finished step of a task as the platform prints it; times as those of `a_task`."""
    like = a_task(number)
    for key in ("queue", "priority", "issuer", "cancelRequested"):
        del like[key]
    own = {"taskId": task, "taskIdString": str(task), "createdAt": like.pop("enqueuedAt")}
    return like | own | fields


@dataclass
class _Failure:
    path: str | None
    times: int
    make: Callable[[], httpx.Response]


class CutStream(httpx.AsyncByteStream):
    """A body that ends with the connection, before its time."""

    def __init__(self, begin: bytes) -> None:
        self.begin = begin
        self.closed = False

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.begin
        raise httpx.RemoteProtocolError("peer closed connection without sending complete body")

    @override
    async def aclose(self) -> None:
        self.closed = True


@dataclass
class _Token:
    bearer: str
    expires_at: float


class _RefusedError(Exception):
    """The platform would answer 400 with this text (P§5.5)."""


@dataclass
class FakeUpstream:
    """One account's platform; hand `transport()` to what should talk to it.

    Refuses what the documented platform refuses, in its words: a wrong secret, a token it did
    not issue or that expired by `clock`, unknown parameters and values, `after` without `limit`,
    filters beside `after`, a second bound on one time. What no client of ours may do at all (a
    missing User-Agent, another method) is an AssertionError in the test that caused it.

    A `tenant` is what tokens must be narrowed to, directly or, with `exchanges_only`, by exchanging
    a base token (P§2.4).

    `tasks` and `activities` are dicts in the platform's shape (see `a_task`, `an_activity`) and may
    be changed at any time.
    While `gate` is cleared, counted requests to the Task Manager wait; `token_gate` holds those for
    a token. A page is never larger than `page_max`.
    """

    tasks: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    client_id: str = "client"
    client_secret: str = "secret"
    tenant: str | None = None
    exchanges_only: bool = False
    clock: Callable[[], float] = lambda: 0.0
    token_lifetime_s: float = 7200
    page_max: int = 1000
    last_paging: Mapping[str, object] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    token_gate: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()
        self.token_gate.set()
        self._calls: Counter[str] = Counter()
        self._failures: list[_Failure] = []
        self._tokens: list[_Token] = []
        self._issued = 0

    def transport(self) -> httpx.MockTransport:
        """Return a network on which only this platform is found."""
        return httpx.MockTransport(self)

    def calls(self, path: str) -> int:
        """Return how many requests arrived: `/token`, `/tasks`, `/tasks/<id>` and so on."""
        return self._calls[path]

    def fail_next(
        self,
        status: int = 500,
        *,
        headers: Mapping[str, str] | None = None,
        body: object = b"",
        times: int = 1,
        path: str | None = None,
        cut: bool = False,
    ) -> None:
        """Answer the next `times` requests (to `path`, as in `calls`) with this instead.

        `body` is bytes, a text, or anything that JSON can hold; `cut` ends the connection after it.
        """
        content = _bytes(body)

        def make() -> httpx.Response:
            if cut:
                return httpx.Response(status, headers=headers, stream=CutStream(content))
            return httpx.Response(status, headers=headers, content=content)

        self._failures.append(_Failure(path, times, make))

    def break_next(self, error: Exception, *, times: int = 1, path: str | None = None) -> None:
        """Raise an exception of httpx instead of answering the next `times` requests."""

        def make() -> httpx.Response:
            raise error

        self._failures.append(_Failure(path, times, make))

    def revoke_tokens(self) -> None:
        """Void all tokens at once, as a reset of the secret does (P§2.2)."""
        self._tokens.clear()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path.removeprefix(BASE_PATH)
        path = "/token" if path == TOKEN_PATH else path
        self._calls[path] += 1
        self.requests.append(request)
        await (self.token_gate if path == "/token" else self.gate).wait()
        _check_manners(request)
        for failure in self._failures:
            if failure.path in (None, path):
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure.make()
        if path == "/token":
            return self._token(request)
        if not self._authorized(request):
            return _domain_error(401, "Access", "AuthenticationTimeout")
        assert request.method == "GET"
        try:
            return self._resource(path, request.url.params.multi_items())
        except _RefusedError as refused:
            return _domain_error(400, "TaskManager", "BadRequest", debug={"msg": str(refused)})

    def _token(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        if request.headers["Content-Type"] != "application/x-www-form-urlencoded":
            return _json(415, {"error": "invalid_request"})
        form = parse_qsl(request.content.decode(), strict_parsing=True)
        refused = self._refused_login(request.headers.get("Authorization"), form)
        if refused is not None:
            return refused
        self._issued += 1
        token = _Token(f"token-{self._issued}", self.clock() + self.token_lifetime_s)
        self._tokens.append(token)
        answer = {
            "access_token": token.bearer,
            "token_type": "bearer",
            "expires_in": self.token_lifetime_s,
        }
        return _json(200, answer, {"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _refused_login(
        self, sent: str | None, form: Sequence[tuple[str, str]]
    ) -> httpx.Response | None:
        """Return a refusal in the words of P§2.5, or None for a login that is right."""
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        scope = [("scope", f"urn:acronis.com:tenant-id:{self.tenant}")]
        exchange = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if form[0] == ("grant_type", exchange):
            bases = [each.bearer for each in self._tokens if sent == f"Bearer {each.bearer}"]
            if not bases or self.tenant is None:
                return _json(401, {"error": "invalid_client"})
            good = form[1:] == [("assertion", bases[0]), *scope]
            return None if good else _json(400, {"error": "invalid_request"})
        if sent != f"Basic {basic}":
            return _json(401, {"error": "invalid_client"})
        if self.exchanges_only and form[1:] == scope:
            return _json(403, {"error": "access_denied"})
        narrow = scope if self.tenant is not None and not self.exchanges_only else []
        good = form == [("grant_type", "client_credentials"), *narrow]
        return None if good else _json(400, {"error": "invalid_request"})

    def _authorized(self, request: httpx.Request) -> bool:
        sent = request.headers.get("Authorization")
        return any(
            sent == f"Bearer {token.bearer}" and self.clock() < token.expires_at
            for token in self._tokens
        )

    def _resource(self, path: str, params: Sequence[tuple[str, str]]) -> httpx.Response:
        _, kind, *rest = path.split("/")
        kept = {"tasks": self.tasks, "activities": self.activities}.get(kind)
        if kept is not None and not rest:
            return _json(200, self._list(kept, params, _LACKED[kind]))
        if kept is None or len(rest) > 1 or not rest[0].isdigit():
            return _domain_error(404, "TaskManager", "NotFound")
        [number] = rest
        for name, value in params:
            if name != "lod" or value not in _LODS:
                raise _RefusedError(f"bad condition field '{name}'")
        for item in kept:
            if str(item.get("id")) == number:
                return _json(200, item)
        return _domain_error(404, "TaskManager", "NotFound", context={"id": number})

    def _list(
        self,
        kept: Sequence[dict[str, Any]],
        params: Sequence[tuple[str, str]],
        lacked: set[str],
    ) -> dict[str, Any]:
        names = [name for name, _ in params]
        single = dict(params)
        _check_names(names, lacked)
        if single.get("lod", "full") not in _LODS:
            raise _RefusedError("bad value on field 'lod'")
        limit = _positive(single.get("limit", str(self.page_max)))
        skip, query = 0, list(params)
        if "after" in single:
            if "limit" not in single or set(names) > {"limit", "after", "lod"}:
                raise _RefusedError("bad condition field 'after'")
            skip, query = _cursor_read(single["after"])
        found = _ordered([item for item in kept if _matches(item, query)], query, lacked)
        end = skip + min(limit, self.page_max)
        if end >= len(found):
            return {"items": found[skip:], **self.last_paging}
        return {
            "items": found[skip:end],
            "paging": {"cursors": {"after": _cursor(end, query)}},
        }


def _check_manners(request: httpx.Request) -> None:
    assert re.fullmatch(r"Taskgate/\S+", request.headers["User-Agent"])
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["Accept"] == "application/json"


def _check_names(names: Sequence[str], lacked: set[str]) -> None:
    for name in names:
        if name in lacked or name not in {*_TEXTS, *_TIMES, "lod", "limit", "after", "order"}:
            raise _RefusedError(f"bad condition field '{name}'")
        if name in _ONCE and names.count(name) > 1:
            raise _RefusedError(f"several values on field '{name}'")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise _RefusedError(
            f"strconv.ParseInt: parsing \"{text}\": invalid syntax on field 'limit'"
        )
    return int(text)


def _matches(task: Mapping[str, Any], query: Sequence[tuple[str, str]]) -> bool:
    wanted: dict[str, list[str]] = {}
    for name, value in query:
        if not value:
            raise _RefusedError(f"field '{name}' value is empty")
        wanted.setdefault(name, []).append(value)
    return all(
        any(_holds(task, name, value) for value in values)
        for name, values in wanted.items()
        if name in _TEXTS or name in _TIMES
    )


def _holds(task: Mapping[str, Any], name: str, value: str) -> bool:
    if name in _TIMES:
        return _in_time(task.get(name), name, value)
    sent = _at(task, _TEXTS[name])
    if part := _LIKE.fullmatch(value):
        if name not in {"startedBy", "policyName", "resourceName"}:
            raise _RefusedError(f"like functions are unsupported on field '{name}'")
        return part[1] in str(sent)
    if name == "id" and (bound := _BOUND.fullmatch(value)):
        return isinstance(sent, int) and _is_within(sent, bound[1], int(bound[2]))
    if "(" in value or ")" in value:
        raise _RefusedError(f"unsupported function on field '{name}'")
    return value in (sent if isinstance(sent, list) else [str(sent)])


def _in_time(sent: str | None, name: str, value: str) -> bool:
    bound = _BOUND.fullmatch(value)
    if bound is None and "(" in value:
        raise _RefusedError(f"bad function '{value}' on field '{name}'")
    limit = _instant(bound[2] if bound else value)
    if limit is None:
        raise _RefusedError(f"incorrect time format on field '{name}'")
    at = _instant(sent or "")
    if at is None:
        return False
    return _is_within(at, bound[1] if bound else "eq", limit)


def _is_within(value: Any, operator: str, limit: Any) -> bool:
    compare: dict[str, bool] = {
        "eq": value == limit,
        "gt": value > limit,
        "ge": value >= limit,
        "lt": value < limit,
        "le": value <= limit,
    }
    return compare[operator]


def _instant(text: str) -> tuple[float, str] | None:
    # Whole seconds and nine digits of the fraction: exact, and in the order of time.
    form = re.fullmatch(r"([\d-]+T[\d:]+)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if form is None:
        return None
    return datetime.fromisoformat(form[1] + form[3]).timestamp(), (form[2] or "").ljust(9, "0")


def _ordered(
    found: list[dict[str, Any]], query: Sequence[tuple[str, str]], lacked: set[str]
) -> list[dict[str, Any]]:
    """Sort by the orders given, the first being the major; without one by id."""
    orders = [value for name, value in query if name == "order"] or ["asc(id)"]
    for order in reversed(orders):
        form = _ORDER.fullmatch(order)
        if form is None or form[2] not in _ORDERED - lacked:
            raise _RefusedError(f"bad order function '{order}'")
        found = sorted(found, key=_order_key(form[2]), reverse=form[1] == "desc")
    return found


def _order_key(name: str) -> Callable[[Mapping[str, Any]], tuple[bool, Any]]:
    def key(task: Mapping[str, Any]) -> tuple[bool, Any]:
        value = _instant(task.get(name) or "") if name in _TIMES else task.get(name)
        return value is not None, value or 0

    return key


def _at(task: Mapping[str, Any], path: str) -> Any:
    value: Any = task
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cursor(skip: int, query: Sequence[tuple[str, str]]) -> str:
    kept = [pair for pair in query if pair[0] not in {"limit", "lod"}]
    # Two bytes more than a multiple of three, so that a cursor has the `==` of the real ones.
    text = json.dumps([skip, kept])
    return base64.b64encode(text.ljust(len(text) + (1 - len(text)) % 3).encode()).decode()


def _cursor_read(cursor: str) -> tuple[int, list[tuple[str, str]]]:
    try:
        skip, query = json.loads(base64.b64decode(cursor, validate=True))
    except ValueError as error:
        raise _RefusedError("bad cursor") from error
    return skip, [(name, value) for name, value in query]


def _bytes(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, json=body)


def _domain_error(status: int, domain: str, code: str, **more: object) -> httpx.Response:
    return _json(status, {"domain": domain, "code": code, "reason": code, **more})
