"""What a caller presents stays with us."""

from app.api.credentials import Credential


def test_no_words() -> None:
    """A credential can't be printed by accident: its type has no words for it."""
    assert "tg_" not in f"{Credential(b'tg_secret')!r} {Credential(b'tg_secret')}"
