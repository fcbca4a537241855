"""The mistakes of one request, gathered to be told in one answer."""

from typing import Any

from app.errors import InvalidParameterError, ParameterFault, RequestError

# A short request with thousands of mistakes must not cost a long answer.
_FAULTS_MAX = 20


class Faults:
    """What is wrong with the parameters of one request."""

    def __init__(self) -> None:
        self._found: list[tuple[type[RequestError], ParameterFault]] = []

    def add(self, kind: type[RequestError], parameter: str, detail: str, **more: Any) -> None:
        """Note one mistake; raises as `settle` does when there are too many to go on."""
        self._found.append((kind, ParameterFault(parameter, detail, **more)))
        if len(self._found) == _FAULTS_MAX:
            self.settle()

    def settle(self) -> None:
        """Raise what was found: the kind itself when all agree, else `invalid-parameter`."""
        if self._found:
            raise self._error()

    def joined(self, error: RequestError) -> RequestError:
        """Return `error` with what was found here before its own mistakes."""
        self._found += [(type(error), fault) for fault in error.faults]
        del self._found[_FAULTS_MAX:]
        return self._error()

    def _error(self) -> RequestError:
        kinds = {kind for kind, _ in self._found}
        kind = kinds.pop() if len(kinds) == 1 else InvalidParameterError
        faults = [fault for _, fault in self._found]
        told = "; ".join(_sentence(fault) for fault in faults)
        return kind(f"{told}.", faults=faults)


def _sentence(fault: ParameterFault) -> str:
    hint = f" (did you mean {fault.did_you_mean}?)" if fault.did_you_mean else ""
    return f"{fault.parameter}: {fault.detail}{hint}"
