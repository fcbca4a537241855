"""How much one connection may take, and how many there may be."""

import resource
from typing import NamedTuple


class Bounds(NamedTuple):
    """What one connection may take; sizes in bytes, times in seconds."""

    connections: int = 4_000
    refusals: int = 100  # that may wait for their last words to be read
    head_bytes: int = 32_768
    head_fields: int = 100
    pipelined: int = 128  # requests of one connection that wait behind the one that runs
    pipelined_bytes: int = 262_144  # that a head, or a body, takes, times those that wait before it
    request_s: float = 10.0  # for a head or a body to arrive
    patience_s: float = 1.0  # with a request that may be on its way, where no more fit
    unread_s: float = 30.0  # for a caller to take what was sent
    linger_s: float = 1.0  # for the last words to reach a caller who still speaks


_BOUNDS = Bounds()
_OTHER_FILES = 156  # the platform's side, the listener, what is read from files


def descriptors(soft: int, hard: int, bounds: Bounds = _BOUNDS) -> tuple[int, Bounds]:
    """Return the limit of open files to set, and the bounds that fit below it.

    A process commonly gets 1,024 and may ask for more; each connection takes one. Running out of
    them would stop the listener as well as the platform's side: a slow death instead of a refusal.
    """
    unlimited = resource.RLIM_INFINITY
    around = bounds.refusals + _OTHER_FILES
    wanted = bounds.connections + around
    given = wanted if hard == unlimited else min(wanted, hard)
    limit = soft if soft == unlimited else max(soft, given)
    room = bounds.connections if limit == unlimited else min(bounds.connections, limit - around)
    return limit, bounds._replace(connections=max(room, 1))


def of_this_process() -> Bounds:
    """Raise this process's limit of open files as far as it may, and return what fits below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit, bounds = descriptors(soft, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return bounds
