"""Who may ask: the consumers of the settings and of a file that is read again when it changes."""

import hashlib
import hmac
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from app.service.scope import Consumer, Scope
from app.settings import ConsumerName, ConsumerSettings, Settings, SettingsError

CHECK_EVERY_S = 1.0
_REMEMBERED_MAX = 1_024

_SHAPE = TypeAdapter(dict[ConsumerName, ConsumerSettings])
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Consumers:
    """All consumers at one moment, never changed: a new state of affairs is a new object.

    A key is looked for by an HMAC of its SHA-256 under a secret of this process, so the time of
    the search tells nothing of the hashes that are configured; what is found is then compared in
    constant time. `verified` remembers the keys that were found valid: it spares the hashing, can
    hold no more than are configured, and dies with this object.
    """

    by_name: Mapping[str, Consumer]
    salt: bytes
    by_mark: Mapping[bytes, tuple[bytes, Consumer]]
    verified: dict[bytes, Consumer] = field(default_factory=dict, repr=False)
    remembered: dict[tuple[bytes, bytes], Consumer] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, configured: Mapping[str, ConsumerSettings], salt: bytes) -> "Consumers":
        """Index what is configured; `salt` is random and secret.

        Raises:
            ValueError: two consumers share a key.
        """
        by_name: dict[str, Consumer] = {}
        by_mark: dict[bytes, tuple[bytes, Consumer]] = {}
        for name, each in configured.items():
            by_name[name] = consumer = _consumer(name, each)
            for text in each.key_sha256 or ():
                digest = bytes.fromhex(text)
                holder = by_mark.setdefault(_mark(salt, digest), (digest, consumer))[1]
                if holder is not consumer:
                    raise ValueError(f"{holder.name} and {name} have the same key")
        return cls(by_name, salt, by_mark)

    def remember(self, sent: tuple[bytes, bytes], consumer: Consumer) -> None:
        """Spare the reading of the same header with a valid key; one has few spellings."""
        if len(self.remembered) < _REMEMBERED_MAX:
            self.remembered[sent] = consumer

    def by_key(self, key: bytes) -> Consumer | None:
        """Return the consumer with this key, or None."""
        known = self.verified.get(key)
        if known is not None:
            return known
        digest = hashlib.sha256(key).digest()
        found = self.by_mark.get(_mark(self.salt, digest))
        if found is None or not hmac.compare_digest(found[0], digest):
            return None
        self.verified[key] = found[1]
        return found[1]


class Roster:
    """Holds the consumers as they are now.

    `current()` is cheap: at most once a second it looks whether the file changed (its inode, size
    or times), and reads it then. A file that can't be read, or that is wrong, changes nothing but a
    log line and `reloaded(ok=False)`, once; it is read again with every look until it is right.

    Raises:
        SettingsError: the consumers can't be known at the start.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        salt: bytes,
        monotonic: Callable[[], float],
        reloaded: Callable[[bool], None],
    ) -> None:
        self._configured = dict(settings.consumers)
        self._file = settings.consumers_file
        self._aliases = settings.accounts.keys()
        self._with_tokens = settings.oidc is not None
        self._salt = salt
        self._monotonic = monotonic
        self._reloaded = reloaded
        self._refused: tuple[object, str] | None = None
        self._seen = self._look()
        try:
            self._now = self._read()
        except (OSError, ValueError) as exc:
            raise SettingsError(_reason(exc)) from None
        self._next_look_s = monotonic() + CHECK_EVERY_S

    def current(self) -> Consumers:
        """Return the consumers as of at most a second ago."""
        if self._file is not None and self._monotonic() >= self._next_look_s:
            self._next_look_s = self._monotonic() + CHECK_EVERY_S
            seen = self._look()
            # A refusal may have been the moment's: a revocation must not wait for another change.
            if seen != self._seen or self._refused is not None:
                self._seen = seen
                self._reload()
        return self._now

    def _look(self) -> tuple[int, int, int, int] | None:
        if self._file is None:
            return None
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino

    def _reload(self) -> None:
        try:
            self._now = self._read()
        except (OSError, ValueError) as exc:
            refused, before = (self._seen, _reason(exc)), self._refused
            self._refused = refused
            if refused != before:
                self._reloaded(False)
                _log.error("consumers_file_refused", reason=refused[1])
        else:
            self._refused = None
            self._reloaded(True)
            _log.info("consumers_file_read", consumers=len(self._now.by_name))

    def _read(self) -> Consumers:
        merged = dict(self._configured)
        for name, each in _from_file(self._file).items():
            if name in merged:
                raise ValueError(f"the consumer {name} stands in two places")
            merged[name] = each
        for name, each in merged.items():
            self._check(name, each)
        return Consumers.of(merged, self._salt)

    def _check(self, name: str, each: ConsumerSettings) -> None:
        if each.key_sha256 is None and not self._with_tokens:
            raise ValueError(f"the consumer {name} needs KEY_SHA256, for no OIDC issuer is set")
        unknown = sorted(set(each.accounts or ()) - set(self._aliases))
        if unknown:
            raise ValueError(f"the consumer {name} names no account: {', '.join(unknown)}")


def _from_file(path: Path | None) -> dict[str, ConsumerSettings]:
    if path is None:
        return {}
    found: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    # An editor empties a file before it writes it: that is no wish to lock everybody out.
    if set(found) != {"consumers"}:
        raise ValueError("the file holds [consumers.<name>] tables and nothing else")
    return _SHAPE.validate_python(found["consumers"])


def _consumer(name: str, each: ConsumerSettings) -> Consumer:
    scope = Scope.of(accounts=each.accounts, tenants=each.tenants)
    return Consumer(name=name, scope=scope, rate=each.per_second, admin=each.admin)


def _mark(salt: bytes, digest: bytes) -> bytes:
    return hmac.digest(salt, digest, "sha256")


def _reason(exc: OSError | ValueError) -> str:
    """Say what is wrong with the consumers, without repeating anything that was written there."""
    head = "TASKGATE_CONSUMERS"
    if isinstance(exc, OSError | UnicodeDecodeError):
        return f"{head}_FILE can't be read: {type(exc).__name__}"
    if isinstance(exc, tomllib.TOMLDecodeError):
        return f"{head}_FILE is no TOML"
    if isinstance(exc, ValidationError):
        return "; ".join(f"{head}_FILE: {line}" for line in _faults(exc))
    return f"{head}: {exc}"


def _faults(exc: ValidationError) -> Iterable[str]:
    for each in exc.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"] if part != "[key]")
        yield f"{place}: {each['msg'].removeprefix('Value error, ')}"
