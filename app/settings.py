"""Every value an operator may set: typed, bounded, its unit in its name; frozen once read."""

import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
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
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnparsableError

from app.addresses import (
    HOST,
    ORIGIN,
    PORT_MAX,
    data_centre,
    issuer_url,
    network,
    proxy_url,
    valkey_url,
)
from app.allowed import (
    ALIAS,
    CONSUMER,
    SHA256,
    Listed,
    VariableError,
    account_alias,
    certificates,
    consumer_rate,
    each,
    fully,
    no_alias_twice,
    no_empty,
    no_service_link,
    per_second,
    read_secret,
    tenant_id,
)

PREFIX = "TASKGATE_"
# What Kubernetes puts into every pod for a Service called `taskgate` or `taskgate-…`.
_SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT_\d+_(TCP|UDP|SCTP))(_[A-Z0-9_]+)?")


class SettingsError(Exception):
    """The configuration is wrong; the text names each variable and what is allowed."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AccountSettings(_Section):
    """One account of the platform: where it lives and who we are there."""

    url: Annotated[str, AfterValidator(data_centre)]
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    tenant: UUID | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> "AccountSettings":
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise VariableError("CLIENT_SECRET or …_FILE is required, one of them")
        self.secret()
        return self

    def secret(self) -> str:
        """Return the client secret as it is now: a file that changed is read again.

        Raises:
            ValueError: the file can't be read, or the secret is empty.
        """
        return read_secret("CLIENT_SECRET", self.client_secret, self.client_secret_file)


consumer_name = fully(CONSUMER, "a consumer is [a-z0-9][a-z0-9_-]{0,63}, in any case here")
ConsumerName = Annotated[str, AfterValidator(consumer_name)]


class ConsumerSettings(_Section):
    """One who may ask: by which keys, for what, how often; contract section 7."""

    key_sha256: Annotated[
        Listed, each(fully(SHA256, "must be the SHA-256 of a key, 64 hexadecimal digits"))
    ] = None
    accounts: Annotated[Listed, each(fully(ALIAS, "an alias is [a-z0-9-]{1,32}"))] = None
    tenants: Annotated[Listed, each(tenant_id)] = None
    rate: Annotated[str, AfterValidator(consumer_rate)] = "50/s"
    admin: bool = False

    @property
    def per_second(self) -> float:
        """The rate as a number."""
        return float(self.rate.removesuffix("/s"))


class OidcSettings(_Section):
    """Whose tokens are believed beside keys."""

    issuer: Annotated[str, AfterValidator(issuer_url)]
    audience: Annotated[str, Field(min_length=1)]
    consumer_claim: Annotated[str, Field(min_length=1)] = "azp"


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


Rate = Annotated[float, BeforeValidator(per_second), Field(gt=0, le=10_000)]


class UpstreamSettings(_Section):
    """How the platform is asked, for each account; `rate` is calls per second."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    rate: Rate = Field(default="20/s", validate_default=True)
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60
    deadline_s: Annotated[float, Field(gt=0, le=900)] | None = None
    page_size_max: Annotated[int, Field(ge=1, le=10_000)] = 1000
    scan_pages_max: Annotated[int, Field(ge=1, le=1000)] = 10
    body_max_bytes: Annotated[int, Field(ge=65_536, le=1_073_741_824)] = 67_108_864
    ca_file: Annotated[Path, AfterValidator(certificates)] | None = None
    proxy: Annotated[SecretStr, AfterValidator(proxy_url)] | None = None

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
    port: Annotated[int, Field(ge=0, le=PORT_MAX), BeforeValidator(no_service_link)] = 8080
    accounts: Annotated[
        Mapping[Annotated[str, AfterValidator(account_alias)], AccountSettings],
        BeforeValidator(no_alias_twice),
    ] = Field(default_factory=dict)
    auth: Literal["required", "off"] = "required"
    consumers: Mapping[ConsumerName, ConsumerSettings] = Field(default_factory=dict)
    consumers_file: Path | None = None
    oidc: OidcSettings | None = None
    cache: CacheSettings = CacheSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    cors_origins: Annotated[
        Listed, each(fully(ORIGIN, "must be exact origins such as https://app.example.com"))
    ] = None
    trusted_proxies: Annotated[Listed, each(network)] = None
    allowed_hosts: Annotated[Listed, each(fully(HOST, "must be host names without a port"))] = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    cursor_secret: SecretStr | None = None
    cursor_secret_file: Path | None = None
    valkey_url: Annotated[SecretStr | None, BeforeValidator(no_empty)] = None
    valkey_url_file: Path | None = None
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    docs: Literal["on", "off"] = "on"
    fastlane: Literal["protocol", "asgi", "off"] = "protocol"

    @model_validator(mode="after")
    def _readable_cursor_secret(self) -> "Settings":
        if self.cursor_secret is not None and self.cursor_secret_file is not None:
            raise VariableError("CURSOR_SECRET and …_FILE exclude each other")
        self.cursor_key()
        return self

    @model_validator(mode="after")
    def _usable_valkey(self) -> "Settings":
        if self.valkey_url is not None and self.valkey_url_file is not None:
            raise VariableError("VALKEY_URL and …_FILE exclude each other")
        if self.has_valkey:
            self.valkey()
        return self

    @model_validator(mode="after")
    def _whole_tls(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise VariableError("TLS_CERT and TLS_KEY need each other")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise VariableError("TLS_CLIENT_CA needs TLS_CERT and TLS_KEY")
        return self

    def cursor_key(self) -> bytes | None:
        """Return the secret that signs cursors as it is now; None: each process makes its own.

        Raises:
            ValueError: as `AccountSettings.secret`.
        """
        if self.cursor_secret is None and self.cursor_secret_file is None:
            return None
        return read_secret("CURSOR_SECRET", self.cursor_secret, self.cursor_secret_file).encode()

    @property
    def has_valkey(self) -> bool:
        """Say whether replicas share a Valkey."""
        return self.valkey_url is not None or self.valkey_url_file is not None

    def valkey(self) -> str:
        """Return the URL of Valkey as it is now, which may hold a password.

        Raises:
            ValueError: as `AccountSettings.secret`, or it is no such URL.
        """
        name = "VALKEY_URL"
        text = read_secret(name, self.valkey_url, self.valkey_url_file)
        return valkey_url(name if self.valkey_url_file is None else f"{name}_FILE", text)


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
    if isinstance(error.get("ctx", {}).get("error"), VariableError):
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
