"""Request heads as they are told apart before they are parsed: by all but what each is called."""

from typing import Final

HEAD_BYTES_MAX: Final = 2048
HEAD_FIELDS_MAX: Final = 98  # two below the bound: one that repeats may add its id and its trace
_END: Final = b"\r\n\r\n"
_ID, _TRACE = b"\r\nx-request-id:", b"\r\ntraceparent:"


def is_whole(data: bytes) -> bool:
    """Say whether `data` can be one head, from its begin to its end and no more.

    A parser forgives empty lines before a head; a field that was cut out there would be forgiven
    with them.
    """
    if data.startswith((b"\r", b"\n")):
        return False
    return len(data) <= HEAD_BYTES_MAX and data.find(_END) == len(data) - len(_END)


def cut(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return `data` without the lines of its id and its trace, and their values.

    They are empty where there are none. Of a repeated one only the first is cut out. When what is
    left `is_whole`, so was `data`: it ends with an empty line, and what is cut out before that one
    are lines of the head.
    """
    if not data.endswith(_END):
        return data, b"", b""
    low = data.lower()
    sent_id = sent_trace = b""
    at = low.find(_ID)
    if at >= 0:
        end = low.index(b"\r\n", at + 2)
        sent_id = data[at + len(_ID) : end].strip(b" \t")
        data, low = data[:at] + data[end:], low[:at] + low[end:]
    at = low.find(_TRACE)
    if at >= 0:
        end = low.index(b"\r\n", at + 2)
        sent_trace = data[at + len(_TRACE) : end].strip(b" \t")
        data = data[:at] + data[end:]
    return data, sent_id, sent_trace
