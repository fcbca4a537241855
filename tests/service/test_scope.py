"""What a consumer may see, as a key."""

import pytest

from app.api.consumers import refuse_others
from app.errors import ScopeDeniedError
from app.service.scope import ANYBODY, EVERYTHING, Caller, Consumer, Scope


def test_one_spelling() -> None:
    """Equal scopes are equal keys, however they are written; others never are."""
    scope = Scope.of(accounts=["us", "eu2", "us"], tenants={"7", "42"})

    assert scope == Scope(("eu2", "us"), ("42", "7"))
    assert len({scope, Scope.of(tenants=["7", "42"], accounts=["eu2", "us"])}) == 1
    assert Scope.of() == EVERYTHING != Scope.of(accounts=[])


@pytest.mark.parametrize(
    ("scope", "sees"),
    [(EVERYTHING, True), (Scope.of(accounts=["us"]), False), (Scope.of(accounts=[]), False)],
    ids=["all", "another", "none"],
)
def test_sees(scope: Scope, sees: bool) -> None:  # noqa: FBT001
    """No list is everything, an empty one nothing."""
    assert scope.sees("eu2") is sees


def test_refuse() -> None:
    """An account outside is denied; one that does not exist is somebody else's answer."""
    scope = Scope.of(accounts=["us"])
    scope.refuse(["us", "nowhere"], {"eu2", "us"})

    with pytest.raises(ScopeDeniedError, match="eu2"):
        scope.refuse(["us", "eu2"], {"eu2", "us"})


def test_admins() -> None:
    """Admin routes are for admins, and nobody is one by authentication being off."""
    refuse_others(Consumer(name="ops", scope=EVERYTHING, rate=1, admin=True))

    with pytest.raises(ScopeDeniedError):
        refuse_others(ANYBODY)


def test_boards_nothing() -> None:
    """Work that was begun on nobody's behalf has no party to join."""
    Caller(ANYBODY, lambda _: None).board()
