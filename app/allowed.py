"""What the text of a setting may be: each check says what is allowed, never what was given.

A `ValueError` of a check is the end of a sentence that begins with the variable's name.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

ALIAS = re.compile(r"[a-z0-9-]{1,32}")
CONSUMER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
_CONSUMER_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/s", re.ASCII)
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?", re.ASCII)


class VariableError(ValueError):
    """Of the variable, below its section, whose name the text begins with."""


def account_alias(text: str) -> str:
    """Return an alias in lower case."""
    alias = text.lower()
    if not ALIAS.fullmatch(alias):
        raise ValueError("an alias is [a-z0-9-]{1,32}, in any case here")
    return alias


def no_alias_twice(accounts: Any) -> Any:
    """Refuse two aliases that differ in case alone."""
    # JSON keeps the case of its keys: `EU2` and `eu2` would silently be one.
    aliases = [str(alias).lower() for alias in accounts] if isinstance(accounts, Mapping) else []
    for alias in aliases:
        if aliases.count(alias) > 1:
            raise ValueError(f"the alias {alias!r} is there twice, for case does not count")
    return accounts


def no_service_link(value: Any) -> Any:
    """Refuse what Kubernetes makes of a Service of our name."""
    if str(value).startswith("tcp://"):
        raise ValueError(
            "is Kubernetes' link to a Service called `taskgate`: use `enableServiceLinks: false`"
        )
    return value


def read_secret(name: str, value: SecretStr | None, path: Path | None) -> str:
    """Return the secret `name` as it is now: its value, or what the file at `path` holds.

    Raises:
        VariableError: the file can't be read, or the secret is empty.
    """
    if path is None:
        secret = value.get_secret_value() if value else ""
    else:
        try:
            found = path.stat()
            secret = _content(path, (found.st_mtime_ns, found.st_size, found.st_ino))
        except (OSError, UnicodeDecodeError) as exc:
            told = f"{name}_FILE can't be read: {path}: {type(exc).__name__}"
            raise VariableError(told) from exc
    if not secret:
        raise VariableError(f"{name}{'_FILE' if path else ''} is empty")
    return secret


def _listed(value: Any) -> Any:
    """Read a comma-separated list; what is empty is refused, for it might be meant as "none"."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if value is not None and (not value or not all(value)):
        raise ValueError("has an empty part; leave the variable out for its default")
    return value


Listed = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_listed)]


def each(check: Callable[[str], str]) -> AfterValidator:
    """Apply `check` to every part of a list."""
    return AfterValidator(
        lambda parts: None if parts is None else tuple(check(part) for part in parts)
    )


def fully(pattern: re.Pattern[str], allowed: str) -> Callable[[str], str]:
    """Return a check for the whole of a text in lower case; the value is never repeated."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text.lower()):
            raise ValueError(allowed)
        return text.lower()

    return check


def tenant_id(text: str) -> str:
    """Return a tenant as its number, or as its UUID in lower case."""
    if text.isascii() and text.isdecimal():
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("a tenant is a number or a UUID") from None


def consumer_rate(text: str) -> str:
    """Take a number above 0 and `/s`."""
    match = _CONSUMER_RATE.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError("must be a number a second, such as 50/s")
    return text


@lru_cache(maxsize=64)
def _content(path: Path, version: tuple[int, ...]) -> str:
    """Return a file's text; another `version` (time, size, inode) reads it again."""
    del version
    return path.read_text(encoding="utf-8").strip()


def per_second(value: Any) -> Any:
    """Return the number of calls per second, with or without `/s`."""
    match = _RATE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be calls per second, such as 20/s")
    return match[1]


def certificates(path: Path) -> Path:
    """Take a file of PEM certificates."""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as exc:
        raise ValueError(
            f"must be a file of PEM certificates: {path}: {type(exc).__name__}"
        ) from exc
    return path


def no_empty(value: Any) -> Any:
    """Take what is empty for what is not set."""
    return value or None
