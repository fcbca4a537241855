"""One account of the platform: who asks, and within which bounds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who asks where.

    `url` is the data centre's (P§1), `tenant` the UUID to narrow the token to (P§2.4). `secret` is
    called for each token request, so a rotated one is used without a restart; it raises ValueError
    when it finds none.
    """

    alias: str
    url: str
    client_id: str
    secret: Callable[[], str]
    tenant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How an account is asked; times in seconds.

    `deadline_s` bounds an answer as a whole: queueing, waiting for a token, attempts, the waits
    between them, and the body; `timeout_s` bounds the platform's silence. `rate` is calls per
    second, `concurrency` calls at once, `body_max_bytes` the longest body that is read.
    """

    timeout_s: float = 60.0
    deadline_s: float = 90.0
    concurrency: int = 8
    rate: float = 20.0
    body_max_bytes: int = 67_108_864
    ca_file: Path | None = None
    proxy: str | None = None
