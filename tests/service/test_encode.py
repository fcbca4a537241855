"""An answer is encoded once and hashed once."""

from app.domain.query import TaskQuery, Window
from app.service.encode import AccountMeta, encode, key_text, time_text


def test_equal_answers() -> None:
    """Equal answers are equal bytes and share a strong ETag; others don't."""
    one, same = encode(AccountMeta("eu2", None, None)), encode(AccountMeta("eu2", None, None))
    other = encode(AccountMeta("us5", None, None), link="</v1/tasks?cursor=x>")

    assert one == same
    assert one.body == b'{"account":"eu2","data_as_of":null,"problem":null}'
    assert one.etag != other.etag
    assert one.etag.strip('"').isalnum()
    assert other.link == "</v1/tasks?cursor=x>"


def test_size() -> None:
    """Keeping an answer costs its body and what stands around it."""
    answer = encode(AccountMeta("eu2", None, None))

    assert len(answer.body) < answer.size_bytes < len(answer.body) + 1024


def test_key_of_far_years() -> None:
    """A question about any year has a name of its own."""
    keys = [
        TaskQuery(windows=(("created_at", Window(after=ns)),)) for ns in (-(10**20), 3 * 10**20)
    ]

    assert len({key_text(key) for key in keys}) == 2


def test_time() -> None:
    """Times are UTC with exactly three digits, cut and not rounded."""
    assert time_text(1_795_428_000_999_999_999) == "2026-11-23T10:00:00.999Z"


def test_key_of_long_ago() -> None:
    """A question about a time before those that 64 bits of nanoseconds hold has a name too."""
    (one, other) = (
        key_text(TaskQuery(windows=(("created_at", Window(after=-(2**63) - n)),))) for n in (1, 2)
    )

    assert one != other
