"""The consumers, and the file that changes while the service runs."""

import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.api.keys import digest
from app.api.roster import Consumers, Roster
from app.service.scope import Scope
from app.settings import OidcSettings, Settings, SettingsError
from tests.support.consumers import AUDIENCE, ISSUER, consumer, key_of
from tests.support.platform import FakeTime
from tests.support.serving import configured
from tests.support.unreadable import Unreadable

SHOP = f"""
[consumers.shop]
key_sha256 = ["{digest(key_of("shop"))}", "{digest(key_of("next"))}"]
accounts = "eu2"
tenants = ["42", "7C9E6679-7425-40DE-944B-E07FC1F90AE7"]
rate = "5/s"
admin = true
"""


class World:
    """A roster over a file, and what it told."""

    def __init__(self, folder: Path, text: str | None = SHOP, **changes: Any) -> None:
        self.file, self.time, self.told = folder / "consumers.toml", FakeTime(), list[bool]()
        self.writes = 0
        if text is not None:
            self.write(text)
        self.settings = settings(consumers_file=self.file, **changes)
        self.roster = Roster(
            self.settings, salt=b"s", monotonic=self.time.monotonic, reloaded=self.told.append
        )

    def write(self, text: str) -> None:
        """Write the file anew, a second later by its own clock."""
        self.writes += 1
        self.file.write_text(text, encoding="utf-8")
        os.utime(self.file, (self.writes, self.writes))

    def who(self, key: str, *, after_s: float = 1) -> str | None:
        """Return whose key it is, after a while."""
        self.time.now += after_s
        found = self.roster.current().by_key(key_of(key).encode())
        return found.name if found else None


def settings(**changes: Any) -> Settings:
    """Return settings with two accounts and authentication."""
    return configured("eu2", "us", auth="required", **changes)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One consumer, with two keys."""
    return World(tmp_path)


def test_file(world: World) -> None:
    """The file says the same as the variables, lists as lists or separated by commas."""
    shop = world.roster.current().by_name["shop"]

    assert world.who("shop") == world.who("next") == "shop"
    assert world.who("another") is None
    assert shop.scope == Scope(("eu2",), ("42", "7c9e6679-7425-40de-944b-e07fc1f90ae7"))
    assert (shop.rate, shop.admin) == (5, True)


def test_variables() -> None:
    """Without a file the variables alone count, and nothing is looked at again."""
    roster = Roster(
        settings(consumers={"bi": consumer("bi")}),
        salt=b"s",
        monotonic=lambda: 0.0,
        reloaded=lambda _: None,
    )

    assert roster.current() is roster.current()
    assert roster.current().by_name["bi"].scope == Scope(None, None)


def test_revoked(world: World) -> None:
    """A revoked key is refused within a second, also one that was just used."""
    assert world.who("shop") == world.who("shop") == "shop"
    world.write(SHOP.replace(digest(key_of("shop")), "0" * 64))

    assert world.who("shop", after_s=0.5) == "shop"
    assert world.who("shop", after_s=0.5) is None
    assert world.who("next") == "shop"
    assert world.told == [True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing else"),
        ("[consumers.shop", "is no TOML"),
        ("[consumer.shop]", "nothing else"),
        ("[consumers.shop]\nkey_sha256 = 'tg_canary'", "shop.key_sha256: must be the SHA-256"),
        ("[consumers.shop]\nsecret = 'tg_canary'", "shop.secret: Extra inputs"),
        ("[consumers.'s p']", "s p: a consumer is"),
        ("[consumers.shop]", "needs KEY_SHA256"),
        (SHOP.replace("eu2", "eu3"), "names no account: eu3"),
        (SHOP + SHOP.replace(".shop", ".copy"), "shop and copy have the same key"),
        (SHOP.replace(".shop", ".bi"), "bi stands in two places"),
        ("\udcff", "UnicodeDecodeError"),
    ],
    ids=lambda value: value.splitlines()[0] if value.isascii() and value else None,
)
def test_broken(tmp_path: Path, text: str, reason: str) -> None:
    """A broken file keeps the old state and is told once, without a word of its content."""
    world = World(tmp_path, consumers={"bi": consumer("bi")})
    world.file.write_bytes(text.encode(errors="surrogateescape"))
    with capture_logs() as logs:
        found = [world.who("shop") for _ in range(3)]

    assert found == ["shop"] * 3
    assert world.told == [False]
    assert [line["event"] for line in logs] == ["consumers_file_refused"]
    assert reason in logs[0]["reason"]
    assert "canary" not in str(logs)


def test_gone(world: World) -> None:
    """A file that is gone keeps the old state; when it is back it is read."""
    world.file.unlink()
    assert world.who("shop") == "shop"

    world.write(SHOP.replace("next", "more"))
    assert world.who("shop") == "shop"
    assert world.told == [False, True]


def test_read_failed_once(world: World) -> None:
    """A read that failed is tried again each second, though nothing changes; it is told once."""
    file = Unreadable(world.file)
    roster = Roster(
        world.settings.model_copy(update={"consumers_file": file}),
        salt=b"s",
        monotonic=world.time.monotonic,
        reloaded=world.told.append,
    )
    world.roster = roster
    world.write(SHOP.replace(digest(key_of("shop")), "0" * 64))
    file.failing = True
    with capture_logs() as logs:
        assert [world.who("shop") for _ in range(3)] == ["shop"] * 3
        file.failing = False
        assert world.who("shop") is None
        assert world.who("next") == "shop"

    assert [line["event"] for line in logs] == ["consumers_file_refused", "consumers_file_read"]
    assert world.told == [False, True]


def test_same_time(world: World) -> None:
    """A file of the same size whose time was set back is another one."""
    before, revoked = world.file.stat(), SHOP.replace(digest(key_of("shop")), "0" * 64)
    while world.file.stat().st_ctime_ns == before.st_ctime_ns:  # the system's clock has steps
        world.write(revoked)
        os.utime(world.file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert world.who("shop") is None


@pytest.mark.parametrize("text", [None, "?"], ids=["missing", "broken"])
def test_start(tmp_path: Path, text: str | None) -> None:
    """At the start there is no old state: it ends with a sentence."""
    with pytest.raises(SettingsError, match="TASKGATE_CONSUMERS_FILE "):
        World(tmp_path, text)


def test_no_key_needed(tmp_path: Path) -> None:
    """With an issuer of tokens a consumer may have no key."""
    oidc = OidcSettings(issuer=ISSUER, audience=AUDIENCE)
    world = World(tmp_path, "[consumers.shop]", oidc=oidc)

    assert world.roster.current().by_name.keys() == {"shop"}
    assert "salt=b's'" not in repr(world.roster)


def test_remembers_some() -> None:
    """Spellings of headers are remembered up to a bound, whoever makes up how many."""
    consumers = Consumers.of({"bi": consumer("bi")}, b"salt")
    for number in range(2_000):
        consumers.remember((b"x-api-key", b" " * number), consumers.by_name["bi"])

    assert len(consumers.remembered) == 1_024
