"""Which coding the caller gets: `Accept-Encoding` against what we make, RFC 9110 section 12.5.3."""

import re
from functools import lru_cache

from app.errors import NotAcceptableError
from app.service.codings import CODINGS, WORTH_BYTES

IDENTITY = "identity"

_CODING = re.compile(r"\s*([\w*-]+)\s*(?:;\s*q\s*=\s*([0-9]+(?:\.[0-9]*)?)\s*)?", re.ASCII)


def choose(accept_encoding: str, size_bytes: int) -> str:
    """Return the coding for a body of so many bytes: `identity`, or one of `CODINGS`.

    A small body goes as it is unless the caller refuses that.

    Raises:
        NotAcceptableError: the caller refuses everything that we could send.
    """
    coded, plain = _preferences(accept_encoding)
    return coded if coded is not None and (size_bytes > WORTH_BYTES or not plain) else IDENTITY


def takes_plain(accept_encoding: str) -> bool:
    """Say whether `identity` may be sent.

    Raises:
        NotAcceptableError: as `choose`.
    """
    return _preferences(accept_encoding)[1]


@lru_cache(maxsize=256)
def _preferences(accept_encoding: str) -> tuple[str | None, bool]:
    """Return the best coding, if any is liked at least as much as identity; and if that is fine."""
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        match = _CODING.fullmatch(item)
        if match is not None:
            # The one old name that has to be taken for the new (RFC 9110 section 8.4.1.3).
            name = "gzip" if match[1] == "x-gzip" else match[1]
            weights[name] = float(match[2] or 1)
    others = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda name: weights.get(name, others))
    weight = weights.get(best, others)
    # Identity is fine unless it is refused by its name, or by `*` without being named.
    plain = weights.get(IDENTITY, weights.get("*", 1.0)) > 0
    liked = weight > 0 and weight >= weights.get(IDENTITY, 0.0)
    if not plain and weight == 0:
        raise NotAcceptableError("You accept neither identity nor a coding that is made here.")
    return best if liked or not plain else None, plain
