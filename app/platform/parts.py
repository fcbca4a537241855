"""The parts of a task and the ids: what the platform says of each, and where else it says it."""

import re
from functools import lru_cache

from app.domain.parts import Agent, Blocker, Issuer, Policy, Progress, Resource, Tenant
from app.platform import wire as w

ID_MAX = 2**63 - 1
_ID_DIGITS = 19
_EXACT_FLOAT_MAX = 2**53
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def number(sent: w.Id | None) -> int | None:
    """Return a platform's id as the int64 that it is; None when it can't be one."""
    if isinstance(sent, str):
        # `int` would read spaces, signs and underscores too.
        plain = len(sent) <= _ID_DIGITS and sent.isascii() and sent.isdecimal()
        sent = int(sent) if plain else None
    elif isinstance(sent, float):
        sent = int(sent) if sent.is_integer() and sent < _EXACT_FLOAT_MAX else None
    return sent if sent is not None and 0 <= sent <= ID_MAX else None


def identity(id_: w.Id | None, id_string: w.Id | None) -> tuple[int | None, bool]:
    """Return the id that is sent twice, and whether the two differ: the text wins (P§10.1)."""
    if type(id_) is int and id_string == str(id_) and 0 <= id_ <= ID_MAX:
        return id_, False
    by_string = number(id_string)
    found = number(id_) if by_string is None else by_string
    # A float is compared as such: it may be the very number, though none is read from it.
    differ = any(
        sent not in (None, "", found) and number(sent) != found for sent in (id_, id_string)
    )
    return found, differ


def digits(sent: w.Id | None) -> str | None:
    """Return a platform's id in decimal; None when it can't be one."""
    if type(sent) is int and 0 <= sent <= ID_MAX:
        return str(sent)  # as nearly all are sent
    read = number(sent)
    return None if read is None else str(read)


def progress(wire: w.WireProgress, *, success: bool) -> Progress:
    """Return the progress in percent: 100 on success, unknown without a total (P§10.6)."""
    total, current = wire.total, wire.current
    percent = None
    if success:
        percent = 100
    elif total and current is not None:
        percent = min(100, current * 100 // total)
    return Progress(
        percent=percent,
        current=current,
        total=total,
        processed_bytes=wire.bytes_processed,
        saved_bytes=wire.bytes_saved,
    )


def tenant(sent: w.WireTenant) -> Tenant | None:
    """Return a tenant; its id may be told by the end of its locator alone (P§10.3)."""
    return _tenant(sent.id, sent.uuid, sent.name, sent.locator)


# A page holds few tenants and many tasks; the bound is for accounts with very many tenants.
@lru_cache(maxsize=4096)
def _tenant(
    sent_id: str | int | None, uuid: str | None, name: str | None, locator: str | None
) -> Tenant | None:
    path = [step for step in (locator or "").split("/") if step]
    id_ = str(sent_id) if sent_id is not None else ""
    if not id_ and path:
        id_ = path[-1]
    if not id_:
        return None
    return Tenant(
        id=id_,
        uuid=uuid.lower() if uuid else None,
        name=name or None,
        ancestor_ids=tuple(path[:-1] if path and path[-1] == id_ else path),
    )


def resource(own: w.WireNamed | None, context: w.WireContext) -> Resource | None:
    """Return the resource, else the one that cloud-to-cloud or legacy agents tell (P§10.8).

    `Persistent` describes a resource only when it names a kind other than the agent; without a kind
    it may be either, and a wrong id is worse than none.
    """
    if own is not None and own.id:
        return Resource(id=own.id.lower(), name=own.name or None, type=own.type or None)
    if context.resource_id:
        return Resource(
            id=context.resource_id.lower(),
            name=context.resource_name or None,
            type=context.resource_kind or None,
        )
    kept = context.persistent
    if kept is None or not kept.id or not kept.agent_type or _is_agent(kept):
        return None
    return Resource(id=kept.id.lower(), name=kept.name or None, type=None)


def policy(own: w.WireNamed | None, context: w.WireContext) -> Policy | None:
    """Return the plan, else the first that the context names; id and name come of one source."""
    if own is not None and own.id:
        return Policy(id=_lower_uuid(own.id), name=own.name or None, type=own.type or None)
    if context.policy_id:
        return _plan(context.policy_id, context.policy_name)
    kept = context.persistent
    if kept is not None and kept.plan_id:
        return _plan(kept.plan_id, kept.plan_name or context.plan_name)
    if context.backup_plan_id:
        return _plan(context.backup_plan_id, context.backup_plan_name)
    if context.protection_plan_id:
        return _plan(context.protection_plan_id, context.plan_name)
    return None


def _plan(id_: str, name: str | None) -> Policy:
    return Policy(id=_lower_uuid(id_), name=name or None, type=None)


def agent(
    executor: w.WireActor | None, affinity: w.WireAffinity | None, kept: w.WirePersistent | None
) -> Agent | None:
    """Return the executor, else whom the work is bound to, else the agent it is about."""
    if kept is not None and not (kept.id and _is_agent(kept)):
        kept = None
    if executor is not None and executor.id:
        id_, cluster = executor.id, executor.cluster_id
    elif affinity is not None and affinity.agent_id:
        id_, cluster = affinity.agent_id, affinity.cluster_id
    elif kept is not None and kept.id:
        id_, cluster = kept.id, None
    else:
        return None
    id_ = _lower_uuid(id_)
    name = kept.name if kept is not None and _lower_uuid(kept.id or "") == id_ else None
    return Agent(id=id_, cluster_id=cluster or None, name=name or None)


def _is_agent(kept: w.WirePersistent) -> bool:
    return kept.agent_type is not None and kept.agent_type.lower() == "agent"


def issuer(sent: w.WireActor) -> Issuer | None:
    """Return the issuer; legacy tasks have an empty one (P§15, 5)."""
    return _issuer(sent.id, sent.cluster_id) if sent.id else None


# Services and few agents issue all tasks of an account.
@lru_cache(maxsize=256)
def _issuer(id_: str, cluster_id: str | None) -> Issuer:
    return Issuer(id=_lower_uuid(id_), cluster_id=cluster_id or None)


def blockers(sent: list[w.WireBlocker]) -> tuple[Blocker, ...]:
    """Return the questions that still wait; one with a solution was answered (P§10.7)."""
    return tuple(
        Blocker(
            id=digits(blocker.id),
            key=(blocker.issue and blocker.issue.key) or None,
            solutions=tuple(
                solution.key for solution in blocker.possible_solutions or () if solution.key
            ),
        )
        for blocker in sent
        if blocker.solution is None
    )


def _lower_uuid(id_: str) -> str:
    """Return a UUID in lower case, and other ids, such as a service's name, as they are."""
    return id_.lower() if id_[8:24:5] == "----" else id_


@lru_cache(maxsize=64)
def snake(word: str) -> str:
    """Return a word of the platform as one of ours: `belowNormal` as `below_normal`."""
    return _HUMP.sub("_", word).lower()
