"""What happens when: the stories of a day and of an hour, out of a seed and nothing else."""

from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from app.sandbox.estate import Resource, estate, fresh_uuid
from app.sandbox.kinds import (
    BACKUP,
    CLOUD,
    CLOUD_RECOVERY,
    LEGACY,
    MINIMAL,
    ODD_BACKUP,
    PULSE,
    RECOVERY,
    SCANS,
    UPDATE,
    Kind,
)
from app.sandbox.story import Event, Story, Word, number_of
from app.sandbox.times import DAY_NS, SECOND_NS

HOUR_NS = 3_600 * SECOND_NS
PULSE_NS = 10 * SECOND_NS

_HOUR_S = 3_600
_MILLI_NS = 1_000_000
# How work ends, of a hundred; a nightly plan that never fails teaches nobody anything.
_ENDINGS = ["ok"] * 78 + ["warning"] * 8 + ["error"] * 10 + ["cancelled"] + ["abandoned"] * 2
_ENDINGS += ["timedout"]
# Digits that a time prints, mostly nine.
_BLURS: list[int] = [
    10 ** (9 - digits) for digits in (*[9] * 12, 8, 8, 7, 6, 6, 5, 4, 3, 3, 2, 1, 0)
]
_PRIORITIES = ("normal",) * 8 + ("low", "belowNormal", "aboveNormal", "high")
_TAGS: tuple[tuple[str, ...], ...] = ((), (), ("backup", "nightly"), ("scheduled",))
_PULSE_NODE = 1_000  # nodes of ids: below a day's stories, from here on the pulse
# Work that spans a day, so that every state can be seen at any hour: (start hour, script).
_BEGIN: tuple[tuple[float, Word], ...] = ((0.01, "assign"), (0.02, "start"))
_AGAIN: tuple[tuple[float, Word], ...] = ((24.1, "requeue"), (24.2, "assign"), (24.21, "start"))
_LOST: tuple[tuple[float, Word], ...] = ((9, "requeue"), (12, "assign"), (12.01, "start"))
_VIGILS: tuple[tuple[float, Kind, str, tuple[tuple[float, Word], ...]], ...] = (
    (0.5, BACKUP, "ok", (*_BEGIN, (0.2, "pause"), (24.3, "resume"), (24.6, "end"))),
    (8, BACKUP, "ok", (_BEGIN[0], *_AGAIN, (24.5, "end"))),
    (6, ODD_BACKUP, "timedout", ((24.5, "end"),)),
    (10, RECOVERY, "cancelled", (*_BEGIN, (0.1, "cancel"), (24.3, "end"))),
    (14, SCANS[2], "ok", (*_BEGIN, (26, "end"))),
    (12, BACKUP, "abandoned", (*_BEGIN, *_LOST, (24.4, "end"))),
)


class _Fate(NamedTuple):
    outcome: str
    planned_ns: int
    attempts_max: int
    events: tuple[Event, ...]


@lru_cache(maxsize=256)
def day_of(seed: int, day: int) -> tuple[Story, ...]:
    """Return the stories that begin on a day since the epoch, UTC, in order of creation."""
    rng = Random(seed << 32 | day)  # noqa: S311
    told = [
        _story(rng, seed, kind, day * DAY_NS + second * SECOND_NS, node=node, vigil=vigil)
        for node, (second, kind, vigil) in enumerate(_agenda(rng))
    ]
    return tuple(sorted(told, key=lambda story: story.id))


@lru_cache(maxsize=64)
def hour_of(seed: int, hour: int) -> tuple[Story, ...]:
    """Return the pulse of an hour since the epoch: a short task about every ten seconds."""
    rng = Random(seed << 32 | 1 << 31 | hour)  # noqa: S311
    told = []
    for beat in range(HOUR_NS // PULSE_NS):
        at_ns = hour * HOUR_NS + beat * PULSE_NS + rng.randrange(5 * SECOND_NS)
        node = _PULSE_NODE + beat % 20
        told.append(_story(rng, seed, rng.choice(PULSE), at_ns, node=node))
    return tuple(told)


def _agenda(rng: Random) -> Iterator[tuple[int, Kind, int | None]]:
    """Yield (second of the day, kind, vigil): two nightly bursts and a trickle."""
    for number, (hour, kind, _, _) in enumerate(_VIGILS):
        yield int(hour * _HOUR_S) + rng.randrange(60), kind, number
    for _ in range(22):
        yield rng.choice((1, 1, 1, 2, 22)) * _HOUR_S + rng.randrange(8), BACKUP, None
    for _ in range(11):
        yield 3 * _HOUR_S + 600 + rng.randrange(240), rng.choice(CLOUD), None
    trickle = (*LEGACY, *LEGACY, *SCANS, UPDATE, UPDATE, MINIMAL, BACKUP, RECOVERY, *CLOUD_RECOVERY)
    for kind in trickle:
        yield rng.randrange(24 * _HOUR_S), kind, None


def _story(
    rng: Random, seed: int, kind: Kind, at_ns: int, *, node: int, vigil: int | None = None
) -> Story:
    owned = estate(seed)
    resource = rng.choice(owned.resources[kind.resource]) if kind.resource else None
    policy = rng.choice(owned.policies[kind.policy]) if kind.policy else None
    at_ns = _blurred(rng, at_ns + rng.randrange(SECOND_NS))
    fate = _fate(rng, kind, at_ns, vigil)
    return Story(
        id=number_of(at_ns, node, rng.choice((0, 0, rng.randrange(1, 2048)))),
        node=node,
        uuid=fresh_uuid(rng),
        kind=kind,
        tenant=resource.tenant if resource else rng.choice(owned.tenants[1:]),
        resource=None if kind.title.startswith("Editing") else resource,
        policy=policy,
        started_by=_starter(rng, kind, resource),
        executor=_executor(rng, kind, resource),
        priority=rng.choice(_PRIORITIES),
        tags=rng.choice(_TAGS) if policy else (),
        workflow=rng.choice((None, None, None, None, rng.getrandbits(60) | 1)),
        attempts_max=fate.attempts_max,
        outcome=fate.outcome,
        planned_ns=fate.planned_ns,
        # Not a round number: heartbeats carry nanoseconds too.
        tick_ns=2 * SECOND_NS if fate.planned_ns < 60 * SECOND_NS else 15_000_123_457,
        events=fate.events,
        draw=rng.getrandbits(48),
    )


def _fate(rng: Random, kind: Kind, at_ns: int, vigil: int | None) -> _Fate:
    planned_ns = max(rng.randint(*kind.seconds), 1) * SECOND_NS
    attempts_max, outcome = rng.choice((1, 1, 2)), rng.choice(_ENDINGS)
    events: list[Event] = [(at_ns, "enqueue")]
    if vigil is not None:
        _, _, outcome, script = _VIGILS[vigil]
        planned_ns, attempts_max = 26 * HOUR_NS, 2
        events += [(at_ns + _of_hours(rng, hours), word) for hours, word in script]
    elif kind.style == "legacy":
        outcome = "ok"
        events += [(at_ns, "start"), (at_ns, "end")]
    else:
        events += _course(rng, at_ns, planned_ns, outcome, retried=attempts_max > 1)
    lag_ns = rng.choice((0, rng.randrange(_MILLI_NS, 90 * _MILLI_NS)))
    settled = (*events, (events[-1][0] + lag_ns, "settle"))
    return _Fate(outcome, planned_ns, attempts_max, settled)


def _course(
    rng: Random, at_ns: int, planned_ns: int, outcome: str, *, retried: bool
) -> list[Event]:
    """Return how ordinary work goes: queued, assigned, started, now and then again, over."""
    assigned_ns = at_ns + rng.randrange(50, 3_000) * _MILLI_NS
    started_ns = assigned_ns + rng.randrange(50, 1_500) * _MILLI_NS
    events: list[Event] = [(assigned_ns, "assign"), (started_ns, "start")]
    if retried and rng.random() < 0.3:  # noqa: PLR2004
        lost_ns = started_ns + planned_ns // 3
        again_ns = lost_ns + rng.randrange(1_000, 5_000) * _MILLI_NS
        started_ns = again_ns + 300 * _MILLI_NS
        events += [(lost_ns, "requeue"), (again_ns, "assign"), (started_ns, "start")]
    ran_ns = planned_ns if outcome in ("ok", "warning") else planned_ns * rng.randint(2, 9) // 10
    ended_ns = _blurred(rng, started_ns + ran_ns + rng.randrange(SECOND_NS))
    if outcome == "cancelled":
        events.append((started_ns + ran_ns // 2, "cancel"))
    return [*events, (max(ended_ns, started_ns + ran_ns // 2), "end")]


def _of_hours(rng: Random, hours: float) -> int:
    return int(hours * _HOUR_S) * SECOND_NS + rng.randrange(SECOND_NS)


def _blurred(rng: Random, at_ns: int) -> int:
    """Drop some digits of the fraction, so that prints have 0 to 9 of them."""
    return at_ns - at_ns % rng.choice(_BLURS)


def _starter(rng: Random, kind: Kind, resource: Resource | None) -> str | None:
    if kind.style in ("bare", "update"):
        return None
    machine = f"{resource.name}\\AMS User" if resource else None
    return rng.choice(("johndoe@mysite.com", "johndoe@mysite.com", "", "Jörg Ö.", machine))


def _executor(rng: Random, kind: Kind, resource: Resource | None) -> tuple[str, str]:
    if kind.style == "cloud":
        return f"c2c-worker-{rng.randrange(1, 20):02d}", "c2c"
    return (resource.agent or "", "") if resource else ("", "")
