"""An answer is encoded once and hashed once."""

from collections.abc import Sequence

from app.domain.query import TaskQuery, Window
from app.service.encode import encode, encode_page, key_text, time_text
from app.service.envelope import AccountMeta


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


async def test_long_page() -> None:
    """A page that is printed and hashed in pieces is the same as in one, and others have turns."""
    items = [{"title": f"{number}" + "x" * 1000} for number in range(1000)]
    rests = 0

    async def rest() -> None:
        nonlocal rests
        rests += 1

    def envelope(items: Sequence[dict[str, str]]) -> dict[str, object]:
        return {"items": items, "notes": []}

    page = await encode_page(items, envelope, rest, link="</next>", within=("7",))

    assert page == encode(envelope(items), link="</next>", within=("7",))
    assert rests >= 5


async def test_short_page() -> None:
    """A short page is made in one go."""

    async def rest() -> None:
        raise AssertionError

    assert await encode_page(["a"], lambda items: items, rest) == encode(["a"])
