"""Did you mean: one slip or two are forgiven, more are not."""

import pytest

from app.domain.spelling import Vocabulary

WORDS = Vocabulary(["limit", "status", "created_after", "completed_before"], {"order": "sort"})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("limi", "limit", id="one missing"),
        pytest.param("limitt", "limit", id="one too many"),
        pytest.param("lomit", "limit", id="another letter"),
        pytest.param("ilmit", "limit", id="changed places"),
        pytest.param("Limit", "limit", id="case"),
        pytest.param("Order", "sort", id="another word for it"),
        pytest.param("xstatsu", "status", id="two slips"),
        pytest.param("sattuss", "status", id="places and one too many"),
        pytest.param("tsatsu", "status", id="two pairs changed places"),
        pytest.param("crated_aftr", "created_after", id="two missing"),
        pytest.param("creeated_afterr", "created_after", id="two too many"),
        pytest.param("kompleted_pefore", "completed_before", id="two other letters"),
        pytest.param("lomat", None, id="two slips in a short word"),
        pytest.param("stxyz", None, id="too far"),
        pytest.param("uttass", None, id="same letters"),
        pytest.param("l", None, id="one letter"),
        pytest.param("", None, id="nothing"),
        pytest.param("x" * 8000, None, id="very long"),
        pytest.param("\U0001f600tatus", "status", id="any letter"),
    ],
)
def test_nearest(text: str, meant: str | None) -> None:
    """The nearest word is offered when few slips lead to it."""
    assert WORDS.nearest(text) == meant


def test_nearer_wins() -> None:
    """One slip wins over two, whatever the order of the words."""
    assert Vocabulary(["aaaazz", "aaaaaz"]).nearest("aaaaaa") == "aaaaaz"


def test_no_words() -> None:
    """Nothing is near when there is nothing."""
    assert Vocabulary([]).nearest("a") is None
