"""The form of a consumer's key: recognizable, with a checksum, 256 random bits."""

import hashlib
import re
import zlib

PATTERN = r"tg_[0-9A-Za-z]{49}"
SECRET_BYTES = 32

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS, _CHECK_DIGITS = 43, 6  # the fewest that hold 256 and 32 bits
_FORM = re.compile(PATTERN, re.ASCII)


def make_key(secret: bytes) -> str:
    """Return the key of 32 random bytes: `tg_`, the bytes in base 62, their CRC-32 in base 62.

    The checksum lets a scanner tell a leaked key from a word that looks like one, without asking.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a key is made of {SECRET_BYTES} bytes")
    body = _base62(int.from_bytes(secret), _SECRET_DIGITS)
    return f"tg_{body}{_checksum(body)}"


def is_key(text: str) -> bool:
    """Say whether `text` has the form of a key, checksum included."""
    return _FORM.fullmatch(text) is not None and _checksum(text[3:-_CHECK_DIGITS]) == text[-6:]


def digest(key: str) -> str:
    """Return what is configured of a key: its SHA-256 in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
