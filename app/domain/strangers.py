"""Words of the platform that nobody here knows: they are passed on, and perhaps refused there."""

from collections.abc import Mapping

from app.domain.query import FilterName, TaskQuery
from app.domain.spelling import Vocabulary
from app.domain.status import COMPLETED, FINISHED, UNFINISHED
from app.domain.values import PRIORITIES
from app.errors import InvalidValueError, ParameterFault, ServiceError, UpstreamFailedError

# By the platform's spelling, with ours (P§4.1).
_KNOWN: Mapping[FilterName, Mapping[str, str]] = {
    "state": {word: word for word in (*UNFINISHED, COMPLETED)},
    "result": {word: word for word in FINISHED},
    "priority": {theirs: ours for ours, theirs in PRIORITIES.items()},
}

_BAD_REQUEST = 400


def blamed(error: UpstreamFailedError, query: TaskQuery) -> ServiceError:
    """Return the failure of who made it: a word that nobody here knows is the caller's."""
    faults = _strangers(query)
    bad_request = error.upstream is not None and error.upstream.status == _BAD_REQUEST
    if not (error.refused and bad_request and faults):
        return error
    told = "; ".join(f"{fault.parameter}: {fault.detail}" for fault in faults)
    return InvalidValueError(f"{told}, so {error.account} refused the question.", faults=faults)


def _strangers(query: TaskQuery) -> list[ParameterFault]:
    """Return each word of `query` that only a newer platform may know, as the mistake it may be."""
    return [
        ParameterFault(
            name,
            f"{value!r} is no word that the platform knows",
            allowed=", ".join(known.values()),
            did_you_mean=Vocabulary(known.values()).nearest(value),
        )
        for name, known in _KNOWN.items()
        for value in query.values(name)
        if value not in known
    ]
