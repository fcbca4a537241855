"""A failure that many are told of: a copy for each of them."""

from typing import Final, TypeVar

FAILURE_BYTES: Final = 1024
"""What a kept failure counts: 0.4 to 0.7 kB measured, with what the platform said of it, or with
the candidates of an ambiguous id."""

E = TypeVar("E", bound=BaseException)


def fresh_copy(error: E) -> E:
    """Return an error of the same class, words and facts, with no traceback, cause or context.

    An exception object collects the frames of everyone who raises it, so a shared one would grow
    with each caller and keep alive whatever those frames hold.
    """
    # Not `copy.copy`: it calls `__init__`, which may ask for keywords that `args` does not hold.
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy
