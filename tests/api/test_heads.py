"""Heads are known by all but their names."""

import pytest

from app.api.heads import HEAD_BYTES_MAX, cut, is_whole

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ID, TRACE = b"X-Request-ID: one\r\n", b"TraceParent:\t00-1 \r\n"


@pytest.mark.parametrize(
    ("head", "names"),
    [
        (HEAD, (b"", b"")),
        (HEAD[:-2] + ID + b"\r\n", (b"one", b"")),
        (HEAD[:-2] + ID + TRACE + b"\r\n", (b"one", b"00-1")),
        (HEAD[:16] + TRACE + ID + HEAD[16:], (b"one", b"00-1")),
    ],
    ids=["none", "id", "both", "both, first"],
)
def test_cut(head: bytes, names: tuple[bytes, bytes]) -> None:
    """The lines of the names come out, wherever they stand and however they are spelt."""
    assert cut(head) == (HEAD, *names)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (HEAD, True),
        (HEAD[:-1], False),
        (HEAD + HEAD, False),
        (HEAD + b"\r\n", False),
        (b"\r\n" + HEAD, False),
        (b"\n" + HEAD, False),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n", False),
    ],
    ids=["one", "part", "two", "more", "after a line", "after half a line", "long"],
)
def test_whole(data: bytes, whole: bool) -> None:  # noqa: FBT001
    """A head is whole from its begin to its empty line, and no more."""
    assert is_whole(data) == whole
