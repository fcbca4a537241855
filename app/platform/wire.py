"""What the platform really sends: envelopes, objects, refusals, quirks included (P§9, 10, 12).

Only what Taskgate reads is declared; the decoder skips the rest without building it. Every field
may be missing or null. Free-form parts (`context`) hold anything: what is read of them is typed
here, the rest is never looked at.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType, field

from app.errors import UpstreamInvalidResponseError
from app.platform.salvage import UNREADABLE, salvage

# Counters of the platform are int64 and never negative; what is not, is no counter.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# Ids are int64 (P§10.1). Other spellings are read too, so that they can be judged one by one.
Id = int | str | float

_T = TypeVar("_T")

_PAIRED = rb"u[dD][89abAB]..\\u[dD][c-fC-F].."
_LONE = rb"u[dD][89a-fA-F].."
_ESCAPE = re.compile(rb"\\(?:" + _PAIRED + rb"|(" + _LONE + rb")|.)", re.DOTALL)
_WORDS_MAX = 300
# Every value that is read may cost eighty bytes and more. The largest contexts have thousands.
_VALUES_MAX = 100_000
_REFUSAL_MAX = 262_144


class WireTenant(msgspec.Struct, gc=False):
    """Whose work it is (P§10.3)."""

    id: str | int | None = None
    uuid: str | None = None
    name: str | None = None
    locator: str | None = None


class WireActor(msgspec.Struct, rename="camel", gc=False):
    """An issuer or an executor; both ids may be empty (P§10.1)."""

    id: str | None = None
    cluster_id: str | None = None


class WireAffinity(msgspec.Struct, rename="camel", gc=False):
    """The agent or group that the work is bound to."""

    agent_id: str | None = None
    cluster_id: str | None = None


class WireNamed(msgspec.Struct, gc=False):
    """A policy or a resource."""

    id: str | None = None
    name: str | None = None
    type: str | None = None


class WireProgress(msgspec.Struct, rename="camel", gc=False):
    """How far it has come (P§10.6)."""

    total: Count | None = None
    current: Count | None = None
    bytes_processed: Count | None = None
    bytes_saved: Count | None = None


class WireSource(msgspec.Struct, gc=False):
    """A link of the agent's own chain of errors; the last one holds an empty object (P§10.5)."""

    text: str | None = None
    suberror: "WireSource | None" = None


class WireFaultContext(msgspec.Struct, gc=False):
    """The texts among the parameters of an error."""

    effect_str: str | None = None
    cause_str: str | None = None
    source: WireSource | None = field(default=None, name="_src")


class WireKbLink(msgspec.Struct, rename="camel", gc=False):
    """The key of an error in the knowledge base."""

    ser_code: str | None = None


class WireDebug(msgspec.Struct, gc=False):
    """The plain cause, for developers."""

    msg: str | None = None


class WireFault(msgspec.Struct, rename="camel", gc=False):
    """A `domainError`: it has no message of its own (P§10.5). Neighbours' codes are numbers."""

    domain: str | None = None
    code: str | int | None = None
    reason: str | None = None
    context: WireFaultContext | None = None
    kb_link: WireKbLink | None = None
    debug: WireDebug | None = None


class WireResult(msgspec.Struct, gc=False):
    """How it ended."""

    code: str | None = None
    error: WireFault | None = None
    warnings: list[WireFault] | None = None


class WireKey(msgspec.Struct, gc=False):
    """An issue or a solution of a blocker, by its key."""

    key: str | None = None


class WireBlocker(msgspec.Struct, rename="camel", gc=False):
    """A question for a person; `solution` is there once someone chose (P§10.7)."""

    id: Id | None = None
    issue: WireKey | None = None
    possible_solutions: list[WireKey] | None = None
    solution: WireKey | None = None


class WirePersistent(msgspec.Struct, gc=False):
    """What a legacy agent keeps of its subject (P§10.8)."""

    agent_type: str | None = field(default=None, name="AgentType")
    id: str | None = field(default=None, name="ID")
    name: str | None = field(default=None, name="Name")
    plan_id: str | None = field(default=None, name="PlanID")
    plan_name: str | None = field(default=None, name="PlanName")


class WireContext(msgspec.Struct, rename="camel", gc=False):
    """The keys of the free-form `context` that fill gaps; their case depends on the producer."""

    title: str | None = None
    run_mode: str | None = None
    policy_id: str | None = None
    policy_name: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_kind: str | None = None
    persistent: WirePersistent | None = field(default=None, name="Persistent")
    is_process_root: bool | None = field(default=None, name="IsProcessRoot")
    plan_name: str | None = field(default=None, name="PlanName")
    backup_plan_id: str | None = field(default=None, name="BackupPlanID")
    backup_plan_name: str | None = field(default=None, name="BackupPlanName")
    protection_plan_id: str | None = field(default=None, name="ProtectionPlanID")


class WireTask(msgspec.Struct, rename="camel", gc=False):
    """A task as the platform prints it at any level of detail (P§7, 10.1)."""

    id: Id | None = None
    id_string: Id | None = None
    uuid: str | None = None
    type: str | None = None
    queue: str | None = None
    priority: str | None = None
    state: str | None = None
    tenant: WireTenant | None = None
    issuer: WireActor | None = None
    executor: WireActor | None = None
    affinity: WireAffinity | None = None
    started_by_user: str | None = None
    enqueued_at: str | None = None
    assigned_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    updated_at: str | None = None
    result: WireResult | None = None
    progress: WireProgress | None = None
    cancellable: bool | None = None
    cancel_requested: bool | None = None
    policy: WireNamed | None = None
    resource: WireNamed | None = None
    context: WireContext | None = None
    tags: list[str] | None = None
    blockers: list[WireBlocker] | None = None
    workflow_id: Id | None = None
    assign_count: Count | None = None
    max_assign_count: Count | None = None


class WireActivityContext(WireContext, rename="camel", gc=False):
    """The `context` of an activity, which may tell of steps below it."""

    has_children: bool | None = field(default=None, name="HasChildren")


class WireActivity(WireTask, rename="camel", gc=False):
    """An activity: a task but for the name of one time and the way up its tree (P§10.2).

    It has no queue, priority, issuer and so on; what never comes costs nothing to declare.
    """

    enqueued_at: str | None = field(default=None, name="createdAt")
    context: WireActivityContext | None = None
    task_id: Id | None = None
    task_id_string: Id | None = None
    parent_activity_id: Id | None = None
    parent_activity_id_string: Id | None = None


class _Cursors(msgspec.Struct):
    after: str | None = None


class _Paging(msgspec.Struct):
    cursors: _Cursors | None = None


class _Envelope(msgspec.Struct):
    items: Any
    paging: _Paging | None = None
    cursors: _Cursors | None = None
    error: Raw = Raw(b"null")


class Refusal(msgspec.Struct, frozen=True):
    """What the platform said when it refused: `message` is for our log, never for a caller."""

    status: int
    code: str | None = None
    domain: str | None = None
    message: str | None = None


# The most that a request may ask for (TASKGATE_UPSTREAM__PAGE_SIZE_MAX).
ITEMS_MAX: Final = 10_000

_read_raw = msgspec.json.Decoder(Raw).decode
_read_task = msgspec.json.Decoder(WireTask).decode
_read_activity = msgspec.json.Decoder(WireActivity).decode
_read_any = msgspec.json.Decoder().decode


def read_items(
    body: bytes, account: str, *, items_max: int = ITEMS_MAX
) -> tuple[list[Raw], str | None]:
    """Return the slices of a page's items, unread, and the cursor of the next page.

    The slices are JSON by their grammar; texts that nobody read may still not be UTF-8.

    `paging.cursors` goes before `cursors` (P§9). A missing key, no `after` and an empty one all
    mean that the page is the last (P§8).

    Raises:
        UpstreamInvalidResponseError: the body is no envelope, or holds more than `items_max`. A
            cursor of an odd shape counts as that too: a walk must not end early because of it. So
            does an `error` beside the items, which no healthy page has (P§9): what failed must not
            pass for "there is nothing". As everywhere `null` is absent (P§10).
    """
    envelope = _read_body(body, _envelope_reader(items_max + 1), account)
    if bytes(envelope.error) != b"null":
        raise UpstreamInvalidResponseError(
            "The platform sent an error beside its items.", account=account
        )
    items = [item for item in msgspec.structs.astuple(envelope.items) if item is not UNSET]
    if len(items) > items_max:
        raise UpstreamInvalidResponseError(
            "The platform sent more items than were asked for.", account=account
        )
    cursors = (envelope.paging and envelope.paging.cursors) or envelope.cursors
    return items, (cursors and cursors.after) or None


@cache
def _envelope_reader(items_max: int) -> Callable[[bytes], _Envelope]:
    """Return what reads an envelope, and of its items no more than these; it skips the others.

    A list would be built whole before its length were looked at: 64 MiB hold twenty million empty
    objects, and those 1.6 GB. An array whose places are declared has no more than these.
    """
    places = [(f"_{place}", Raw | UnsetType, UNSET) for place in range(items_max)]
    items = msgspec.defstruct("_Items", places, array_like=True, gc=False)
    envelope = msgspec.defstruct("_Envelope", [("items", items)], bases=(_Envelope,))
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(envelope)
    return decoder.decode


def read_object(body: bytes, account: str) -> Raw:
    """Return the one value that is the whole body, unread.

    Raises:
        UpstreamInvalidResponseError: the body is not JSON.
    """
    return _read_body(body, _read_raw, account)


def read_task(item: Raw) -> tuple[WireTask | None, tuple[str, ...]]:
    """Read one item and say which of its values had an odd shape and were left out.

    Returns None for an item that is not an object, or holds more values than any task.
    """
    if _is_crowd(item):
        return None, ()
    try:
        return _read_task(item), ()
    except UNREADABLE:
        return salvage(item, WireTask)


def read_activity(item: Raw) -> tuple[WireActivity | None, tuple[str, ...]]:
    """Read one activity as `read_task` reads a task."""
    if _is_crowd(item):
        return None, ()
    try:
        return _read_activity(item), ()
    except UNREADABLE:
        return salvage(item, WireActivity)


def _is_crowd(item: Raw) -> bool:
    # A value and its comma are two bytes at least, so nearly no item is counted.
    return len(memoryview(item)) > 2 * _VALUES_MAX and bytes(item).count(b",") > _VALUES_MAX


def read_refusal(body: bytes, status: int) -> Refusal:
    """Read an error body in any of the shapes of P§12.2, or none: HTML says nothing but its status.

    Code and domain are cut to a length that a label can have. More than `_REFUSAL_MAX` bytes are no
    refusal of the platform's.
    """
    if len(body) > _REFUSAL_MAX:
        return Refusal(status)
    try:
        answer = _read_any(body)
    except UNREADABLE:
        return Refusal(status)
    if not isinstance(answer, dict):
        return Refusal(status)
    inner = answer.get("error", answer)
    if not isinstance(inner, dict):
        # OAuth: `error` is the code itself (P§2.5).
        inner = {"code": inner, "message": answer.get("error_description")}
    debug = inner.get("debug")
    said = (
        inner.get("message"),
        debug.get("msg") if isinstance(debug, dict) else None,
        inner.get("reason"),
    )
    return Refusal(
        status,
        code=_words(inner.get("code")),
        domain=_words(inner.get("domain")),
        message=next((words for words in map(_words, said) if words), None),
    )


def _read_body(body: bytes, read: Callable[[bytes], _T], account: str) -> _T:
    try:
        try:
            return read(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Half of a surrogate pair is the one escape that JSON's grammar lets pass and no text
            # can hold. One cut emoji must not cost a page.
            return read(_ESCAPE.sub(_whole, body))
    except UNREADABLE as exc:
        raise UpstreamInvalidResponseError(
            "The platform's answer is not the JSON it should be.", account=account
        ) from exc


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def _words(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:_WORDS_MAX] or None
