"""Statuses → the platform's states and results that can have them, and a check of what is left."""

from app.domain.filters import Keep
from app.domain.status import CANCELING, COMPLETED, FINISHED, UNFINISHED

_CODES = {status.status: code for code, status in FINISHED.items()}
_STATES = {
    **{
        word: frozenset(state for state, status in UNFINISHED.items() if status.status == word)
        for word in {status.status for status in UNFINISHED.values()}
    },
    CANCELING.status: frozenset(UNFINISHED),
}


def narrow(
    conditions: dict[str, frozenset[str]], statuses: frozenset[str], *, cancels: bool
) -> list[Keep]:
    """Narrow `conditions` to what can have one of `statuses`; return what is left to check.

    Finished statuses are a result code each and exact. So are unfinished ones where nothing
    `cancels`. Where it does, `cancelRequested` can't be asked for (P§4.1), so they are checked here
    unless all four are wanted. Mixtures are checked too: a task that runs has no result code, so
    none may be sent.
    """
    if "unknown" in statuses:
        return [lambda reading: reading.item.status in statuses]
    finished = statuses & _CODES.keys()
    unfinished = statuses & _STATES.keys()
    states = frozenset(state for status in unfinished for state in _STATES[status])
    if finished:
        states |= {COMPLETED}
    _only(conditions, "state", states)
    if not unfinished:
        _only(conditions, "resultCode", frozenset(_CODES[status] for status in finished))
        return []
    if not finished and (not cancels or unfinished == _STATES.keys()):
        return []
    return [lambda reading: reading.item.status in statuses]


def _only(conditions: dict[str, frozenset[str]], name: str, allowed: frozenset[str]) -> None:
    conditions[name] = conditions[name] & allowed if name in conditions else allowed
