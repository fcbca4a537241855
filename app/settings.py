"""Every value an operator may set: typed, bounded, its unit in its name; frozen once read."""

import os
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnparsableError

PREFIX = "TASKGATE_"
_ALIAS = re.compile(r"[a-z0-9-]{1,32}")
_URL = re.compile(
    r"(https?)://([\w.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/*", re.ASCII | re.IGNORECASE
)
_CONSUMER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONSUMER_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/s", re.ASCII)
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]", re.ASCII)
_PORT_MAX = 65_535
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/s)?", re.ASCII)
_PROXY = re.compile(r"https?://(?:[^\s/@]+@)?([\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?/?", re.ASCII)
# What Kubernetes puts into every pod for a Service called `taskgate` or `taskgate-…`.
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT_\d+_(TCP|UDP|SCTP))(_[A-Z0-9_]+)?")


class SettingsError(Exception):
    """The configuration is wrong; the text names each variable and what is allowed."""


class _VariableError(ValueError):
    """Of the variable, below its section, that the sentence begins with."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _data_centre(text: str) -> str:
    match = _URL.fullmatch(text.strip())
    # The value is never repeated: people paste credentials into addresses.
    if match is None or int(match[3] or 0) > _PORT_MAX:
        raise ValueError(
            "must be a data-centre URL such as https://eu2-cloud.acronis.com, without credentials, "
            "path or query"
        )
    scheme, host = match[1].lower(), match[2].lower()
    if scheme == "http" and not is_loopback(host.strip("[]")):
        raise ValueError("must be https; http is allowed for loopback hosts only")
    return f"{scheme}://{host}:{match[3]}" if match[3] else f"{scheme}://{host}"


def _alias(text: str) -> str:
    alias = text.lower()
    if not _ALIAS.fullmatch(alias):
        raise ValueError("an alias is [a-z0-9-]{1,32}, in any case here")
    return alias


def _no_alias_twice(accounts: Any) -> Any:
    # JSON keeps the case of its keys: `EU2` and `eu2` would silently be one.
    aliases = [str(alias).lower() for alias in accounts] if isinstance(accounts, Mapping) else []
    for alias in aliases:
        if aliases.count(alias) > 1:
            raise ValueError(f"the alias {alias!r} is there twice, for case does not count")
    return accounts


def _no_service_link(value: Any) -> Any:
    if str(value).startswith("tcp://"):
        raise ValueError(
            "is Kubernetes' link to a Service called `taskgate`: use `enableServiceLinks: false`"
        )
    return value


class AccountSettings(_Section):
    """One account of the platform: where it lives and who we are there."""

    url: Annotated[str, AfterValidator(_data_centre)]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    tenant: UUID | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> "AccountSettings":
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise _VariableError("CLIENT_SECRET or …_FILE is required, one of them")
        self.secret()
        return self

    def secret(self) -> str:
        """Return the client secret as it is now: a file that changed is read again.

        Raises:
            ValueError: the file can't be read, or the secret is empty.
        """
        return _secret("CLIENT_SECRET", self.client_secret, self.client_secret_file)


def _secret(name: str, value: SecretStr | None, path: Path | None) -> str:
    if path is None:
        secret = value.get_secret_value() if value else ""
    else:
        try:
            found = path.stat()
            secret = _content(path, (found.st_mtime_ns, found.st_size, found.st_ino))
        except (OSError, UnicodeDecodeError) as exc:
            told = f"{name}_FILE can't be read: {path}: {type(exc).__name__}"
            raise _VariableError(told) from exc
    if not secret:
        raise _VariableError(f"{name}{'_FILE' if path else ''} is empty")
    return secret


def _listed(value: Any) -> Any:
    """Read a comma-separated list; what is empty is refused, for it might be meant as "none"."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if value is not None and (not value or not all(value)):
        raise ValueError("has an empty part; leave the variable out for its default")
    return value


Listed = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_listed)]


def _each(check: Callable[[str], str]) -> AfterValidator:
    """Apply `check` to every part of a list."""
    return AfterValidator(
        lambda parts: None if parts is None else tuple(check(part) for part in parts)
    )


def _fully(pattern: re.Pattern[str], allowed: str) -> Callable[[str], str]:
    """Return a check for the whole of a text in lower case; the value is never repeated."""

    def check(text: str) -> str:
        if not pattern.fullmatch(text.lower()):
            raise ValueError(allowed)
        return text.lower()

    return check


def _tenant(text: str) -> str:
    if text.isascii() and text.isdecimal():
        return text
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("a tenant is a number or a UUID") from None


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None


def _rate(text: str) -> str:
    match = _CONSUMER_RATE.fullmatch(text)
    if match is None or not float(match[1]):
        raise ValueError("must be a number a second, such as 50/s")
    return text


class ConsumerSettings(_Section):
    """One who may ask: by which keys, for what, how often; contract section 7."""

    key_sha256: Annotated[
        Listed, _each(_fully(_SHA256, "must be the SHA-256 of a key, 64 hexadecimal digits"))
    ] = None
    accounts: Annotated[Listed, _each(_fully(_ALIAS, "an alias is [a-z0-9-]{1,32}"))] = None
    tenants: Annotated[Listed, _each(_tenant)] = None
    rate: Annotated[str, AfterValidator(_rate)] = "50/s"
    admin: bool = False

    @property
    def per_second(self) -> float:
        """The rate as a number."""
        return float(self.rate.removesuffix("/s"))


consumer_name = _fully(_CONSUMER, "a consumer is [a-z0-9][a-z0-9_-]{0,63}, in any case here")
ConsumerName = Annotated[str, AfterValidator(consumer_name)]


def _issuer(text: str) -> str:
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0].rpartition(":")[0] or rest.partition("/")[0]
    secure = scheme == "https" or (scheme == "http" and is_loopback(host.strip("[]")))
    if not secure or not rest or set(rest) & set("?#@ "):
        raise ValueError("must be an https URL, exactly as the issuer writes it in `iss`")
    return text


class OidcSettings(_Section):
    """Whose tokens are believed beside keys."""

    issuer: Annotated[str, AfterValidator(_issuer)]
    audience: Annotated[str, Field(min_length=1)]
    consumer_claim: Annotated[str, Field(min_length=1)] = "azp"


@lru_cache(maxsize=64)
def _content(path: Path, version: tuple[int, ...]) -> str:
    """Return a file's text; another `version` (time, size, inode) reads it again."""
    del version
    return path.read_text(encoding="utf-8").strip()


class CacheSettings(_Section):
    """How much is kept and for how long; contract section 6."""

    max_bytes: Annotated[int, Field(ge=1_048_576)] = 268_435_456
    ttl_unfinished_s: Annotated[float, Field(ge=1, le=3600)] = 10
    ttl_finished_s: Annotated[float, Field(ge=1, le=86_400)] = 60
    ttl_item_finished_s: Annotated[float, Field(ge=1, le=604_800)] = 3600
    ttl_not_found_s: Annotated[float, Field(ge=0, le=3600)] = 5
    ttl_error_s: Annotated[float, Field(ge=0, le=60)] = 2
    stale_while_revalidate_s: Annotated[float, Field(ge=0, le=3600)] = 30
    stale_if_error_s: Annotated[float, Field(ge=0, le=86_400)] = 600


def _per_second(value: Any) -> Any:
    match = _RATE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError("must be calls per second, such as 20/s")
    return match[1]


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as exc:
        raise ValueError(
            f"must be a file of PEM certificates: {path}: {type(exc).__name__}"
        ) from exc
    return path


def _proxy(secret: SecretStr) -> SecretStr:
    # The value is never repeated: it may hold credentials.
    if not _PROXY.fullmatch(secret.get_secret_value()):
        raise ValueError("must be a proxy's URL such as http://proxy.internal:3128")
    return secret


Rate = Annotated[float, BeforeValidator(_per_second), Field(gt=0, le=10_000)]


class UpstreamSettings(_Section):
    """How the platform is asked, for each account; `rate` is calls per second."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    rate: Rate = Field(default="20/s", validate_default=True)
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60
    deadline_s: Annotated[float, Field(gt=0, le=900)] | None = None
    page_size_max: Annotated[int, Field(ge=1, le=10_000)] = 1000
    scan_pages_max: Annotated[int, Field(ge=1, le=1000)] = 10
    body_max_bytes: Annotated[int, Field(ge=65_536, le=1_073_741_824)] = 67_108_864
    ca_file: Annotated[Path, AfterValidator(_certificates)] | None = None
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None

    @property
    def answer_deadline_s(self) -> float:
        """Total time for one answer, retries included: 1.5 x the timeout unless set."""
        return self.deadline_s or 1.5 * self.timeout_s


class Settings(BaseSettings):
    """The whole configuration; `load()` reads it from the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=_PORT_MAX), BeforeValidator(_no_service_link)] = 8080
    accounts: Annotated[
        Mapping[Annotated[str, AfterValidator(_alias)], AccountSettings],
        BeforeValidator(_no_alias_twice),
    ] = Field(default_factory=dict)
    auth: Literal["required", "off"] = "required"
    consumers: Mapping[ConsumerName, ConsumerSettings] = Field(default_factory=dict)
    consumers_file: Path | None = None
    oidc: OidcSettings | None = None
    cache: CacheSettings = CacheSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    cors_origins: Annotated[
        Listed, _each(_fully(_ORIGIN, "must be exact origins such as https://app.example.com"))
    ] = None
    trusted_proxies: Annotated[Listed, _each(_network)] = None
    allowed_hosts: Annotated[Listed, _each(_fully(_HOST, "must be host names without a port"))] = (
        None
    )
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    cursor_secret: SecretStr | None = None
    cursor_secret_file: Path | None = None
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    docs: Literal["on", "off"] = "on"
    fastlane: Literal["protocol", "asgi", "off"] = "protocol"

    @model_validator(mode="after")
    def _readable_cursor_secret(self) -> "Settings":
        if self.cursor_secret is not None and self.cursor_secret_file is not None:
            raise _VariableError("CURSOR_SECRET and …_FILE exclude each other")
        self.cursor_key()
        return self

    @model_validator(mode="after")
    def _whole_tls(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise _VariableError("TLS_CERT and TLS_KEY need each other")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise _VariableError("TLS_CLIENT_CA needs TLS_CERT and TLS_KEY")
        return self

    def cursor_key(self) -> bytes | None:
        """Return the secret that signs cursors as it is now; None: each process makes its own.

        Raises:
            ValueError: as `AccountSettings.secret`.
        """
        if self.cursor_secret is None and self.cursor_secret_file is None:
            return None
        return _secret("CURSOR_SECRET", self.cursor_secret, self.cursor_secret_file).encode()


def load(**overrides: object) -> Settings:
    """Read the settings from the environment and `.env`; `overrides` win.

    Raises:
        SettingsError: a value is wrong; each line names its variable.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # names come from our own code
    except ValidationError as exc:
        raise SettingsError("\n".join(_sentence(error) for error in exc.errors())) from None
    except UnparsableError as exc:
        # Its own words name the field in quotes, and its cause quotes the value.
        raise SettingsError(_no_section(PREFIX + str(exc).split('"')[1].upper())) from None


def _sentence(error: ErrorDetails) -> str:
    location = [str(part).upper() for part in error["loc"] if part != "[key]"]
    variable = PREFIX + "__".join(location)
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{variable} is not a setting"
    if error["type"] == "missing":
        return f"{variable} is required"
    if error["type"] in {"dict_type", "model_type"}:
        return _no_section(variable)
    if isinstance(error.get("ctx", {}).get("error"), _VariableError):
        return f"{variable}__{reason}" if location else PREFIX + reason
    return f"{variable}: {reason}"


def _no_section(variable: str) -> str:
    return f"{variable} is no JSON object; set what is below it instead, {variable}__…"


def strangers(names: Iterable[str] | None = None) -> dict[str, str | None]:
    """Find variables with our prefix that are no setting, each with the name probably meant.

    Looks at the environment unless told which `names`. They don't stop the start, for others may
    use the prefix too; the names Kubernetes makes of Services are left out.
    """
    known = [name.upper() for name in Settings.model_fields]
    found: dict[str, str | None] = {}
    for name in map(str.upper, os.environ if names is None else names):  # noqa: TID251  # here
        if not name.startswith(PREFIX) or _SERVICE_LINK.search(name):
            continue
        head = name.removeprefix(PREFIX).split("__")[0]
        if head not in known:
            # The prefix is left out: it alone would make any two names look alike.
            meant = next(iter(get_close_matches(head, known, 1)), None)
            found[name] = PREFIX + meant if meant else None
    return found
