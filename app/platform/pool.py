"""The connections of one account, and what no connection of ours takes."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final

import httpx

# nginx keeps an idle connection for 75 s; ours are let go well before.
_IDLE_S: Final = 30.0


def open_pool(
    *, concurrency: int, ca_file: Path | None, proxy: str | None
) -> httpx.AsyncHTTPTransport:
    """Return a pool for `concurrency` calls at once.

    Certificates are always verified, against the public authorities and those in `ca_file`. What
    the environment says of proxies and certificates is not read; `proxy` is a URL.

    Raises:
        OSError: `ca_file` can't be read, or holds no certificate (ssl.SSLError).
    """
    tls = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    # Twice the calls under way, so that the pool is never what decides whose turn it is.
    size = 2 * concurrency
    return httpx.AsyncHTTPTransport(
        verify=tls,
        trust_env=False,
        proxy=proxy,
        limits=httpx.Limits(
            max_connections=size, max_keepalive_connections=size, keepalive_expiry=_IDLE_S
        ),
    )


def no_cookies() -> CookieJar:
    """Return a jar that takes nothing: httpx's own keeps all that is set, and sends it back."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
