"""Whom a request is for."""

import re
from collections.abc import Iterable
from typing import Final

# RFC 3986 3.2.2: a name, which may be empty, or an address, and a port; blanks behind are no part.
_HOST: Final = re.compile(rb"(?:\[[\w:.~%-]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?[ \t]*")


def names_one_host(fields: Iterable[tuple[bytes, bytes]], version: str) -> bool:
    """Say whether a head of this version of HTTP names one Host that can be one (RFC 9112 3.2).

    Those who share a line must agree on whom a request is for. In HTTP/1.0 it may be left out.
    """
    named = [value for name, value in fields if name == b"host"]
    if not named:
        return version == "1.0"
    return len(named) == 1 and _HOST.fullmatch(named[0]) is not None
