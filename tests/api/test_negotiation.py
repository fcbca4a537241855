"""Which coding a caller gets."""

import pytest

from app.api.negotiation import choose
from app.errors import NotAcceptableError


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("x-br", "identity"),
        ("gzip;q=0, *;q=0.5", "zstd"),
        ("gzip;q=0.001", "gzip"),
        ("zstd;q=0.2, gzip;q=0.8, br;q=0.8", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;Q=1, br;q=0.9", "gzip"),
        ("gzip;q=0", "identity"),
        ("deflate", "identity"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "br"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0", "gzip"),
        ("gzip;q=0.5, *;q=0", "gzip"),
        ("gzip;q=x", "identity"),
    ],
    ids=str,
)
def test_large(header: str, coding: str) -> None:
    """The most liked coding that is made here wins, the best of equals; RFC 9110 12.5.3."""
    assert choose(header, 2000) == coding


@pytest.mark.parametrize(
    ("header", "coding"), [("gzip", "identity"), ("gzip, identity;q=0", "gzip")], ids=str
)
def test_small(header: str, coding: str) -> None:
    """A small body goes as it is, unless that is refused."""
    assert choose(header, 1024) == coding


@pytest.mark.parametrize("header", ["identity;q=0", "*;q=0", "deflate, identity;q=0"], ids=str)
def test_nothing(header: str) -> None:
    """Who refuses all that there is gets 406."""
    with pytest.raises(NotAcceptableError):
        choose(header, 2000)
