"""The form of keys."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.keys import PATTERN, digest, is_key, make_key

KEY = make_key(bytes(range(32)))


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_form(secret: bytes) -> None:
    """A key has the prefix, the width and the checksum that scanners look for."""
    key = make_key(secret)

    assert re.fullmatch(PATTERN, key, re.ASCII)
    assert is_key(key)


@settings(max_examples=50)
@given(st.integers(3, len(KEY) - 1), st.sampled_from("09AZaz"))
def test_checksum(place: int, letter: str) -> None:
    """One wrong letter is no key any more."""
    changed = KEY[:place] + letter + KEY[place + 1 :]

    assert is_key(changed) == (changed == KEY)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)], ids=len)
def test_too_few_bits(secret: bytes) -> None:
    """A key holds exactly 256 bits."""
    with pytest.raises(ValueError, match="32 bytes"):
        make_key(secret)


def test_stable() -> None:
    """The form never changes: keys live in other people's files."""
    assert make_key(bytes(32)) == "tg_" + "0" * 43 + "2CZclj"
    assert digest("abc").startswith("ba7816bf8f01cfea")
