"""The three forms of an id, and what has none of them."""

import pytest

from app.domain.ids import Ref, read_ref

ACCOUNTS = ("eu2", "us-west-1", "a")
NUMBER = "944455285181775872"
UUID = "38045860-8901-426e-b51f-fc6d24d1cbe0"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        pytest.param(f"eu2.{NUMBER}", Ref("eu2", NUMBER, None), id="ours"),
        pytest.param(NUMBER, Ref(None, NUMBER, None), id="bare number"),
        pytest.param(UUID, Ref(None, None, UUID), id="bare uuid"),
        pytest.param(f"eu2.{UUID}", Ref("eu2", None, UUID), id="uuid of an account"),
        pytest.param(f"us-west-1.{NUMBER}", Ref("us-west-1", NUMBER, None), id="hyphens in alias"),
        pytest.param(f"EU2.{UUID.upper()}", Ref("eu2", None, UUID), id="upper case"),
        pytest.param("0", Ref(None, "0", None), id="nought"),
        pytest.param("9223372036854775807", Ref(None, "9223372036854775807", None), id="largest"),
    ],
)
def test_forms(text: str, ref: Ref) -> None:
    """An id is ours, a bare number of 63 bits, or a UUID; aliases and UUIDs ignore case."""
    assert read_ref(text, ACCOUNTS) == ref


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"eu3.{NUMBER}", id="unknown alias"),
        pytest.param(f".{NUMBER}", id="empty alias"),
        pytest.param("eu2.", id="alias alone"),
        pytest.param(f"x.eu2.{NUMBER}", id="two dots"),
        pytest.param("9223372036854775808", id="beyond 63 bits"),
        pytest.param("10000000000000000000", id="20 digits"),
        pytest.param("007", id="leading noughts"),
        pytest.param("-1", id="sign"),
        pytest.param(" 1", id="space"),
        pytest.param("1\n", id="line end"),
        pytest.param("٣", id="arabic digit"),
        pytest.param("²", id="superscript"),
        pytest.param(UUID.replace("-", ""), id="uuid without hyphens"),
        pytest.param(f"{{{UUID}}}", id="uuid in braces"),
        pytest.param("unreadable-0a1b2c3d4e5f", id="name of an unreadable item"),
    ],
)
def test_no_form(text: str) -> None:
    """What has no valid form, or names no account, points at nothing."""
    assert read_ref(text, ACCOUNTS) is None
