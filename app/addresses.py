"""What an address in a setting may be: each check says what is allowed, never what was given."""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.allowed import VariableError

PORT_MAX = 65_535
_URL = re.compile(
    r"(https?)://([\w.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/*", re.ASCII | re.IGNORECASE
)
ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", re.ASCII)
HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:]+\]", re.ASCII)
_PROXY = re.compile(r"https?://(?:[^\s/@]+@)?([\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?/?", re.ASCII)
_VALKEY = re.compile(
    r"rediss?://(?:[^\s/?#@]*@)?(?:[\w.-]+|\[([0-9a-f:.]+)\])(?::([0-9]{1,5}))?(?:/[0-9]{0,2})?",
    re.ASCII,
)


def data_centre(text: str) -> str:
    """Return the URL of a data centre as scheme, host and port."""
    match = _URL.fullmatch(text.strip())
    # The value is never repeated: people paste credentials into addresses.
    if match is None or int(match[3] or 0) > PORT_MAX:
        raise ValueError(
            "must be a data-centre URL such as https://eu2-cloud.acronis.com, without credentials, "
            "path or query"
        )
    scheme, host = match[1].lower(), match[2].lower()
    if scheme == "http" and not is_loopback(host.strip("[]")):
        raise ValueError("must be https; http is allowed for loopback hosts only")
    return f"{scheme}://{host}:{match[3]}" if match[3] else f"{scheme}://{host}"


def issuer_url(text: str) -> str:
    """Take what `iss` may be: https, or http on this machine."""
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0].rpartition(":")[0] or rest.partition("/")[0]
    secure = scheme == "https" or (scheme == "http" and is_loopback(host.strip("[]")))
    if not secure or not rest or set(rest) & set("?#@ "):
        raise ValueError("must be an https URL, exactly as the issuer writes it in `iss`")
    return text


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def network(text: str) -> str:
    """Return an address or a network as a network."""
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None


def proxy_url(secret: SecretStr) -> SecretStr:
    """Take a proxy's URL, which may hold credentials."""
    # The value is never repeated: it may hold credentials.
    if not _PROXY.fullmatch(secret.get_secret_value()):
        raise ValueError("must be a proxy's URL such as http://proxy.internal:3128")
    return secret


def valkey_url(name: str, text: str) -> str:
    """Take the URL of a Valkey, of which nothing may weaken the check of certificates.

    Raises:
        VariableError: it is none; of the variable `name`.
    """
    # The value is never repeated: it may hold credentials.
    if not _is_valkey(text):
        raise VariableError(
            f"{name} must be redis:// or rediss:// (TLS), host and port, such as "
            "rediss://user:password@valkey.internal:6379, and maybe a database from /0 to /99, "
            "without a query; in the password whatever is no letter or digit is percent-encoded"
        )
    return text


def _is_valkey(text: str) -> bool:
    match = _VALKEY.fullmatch(text)
    if match is None:
        return False
    address, port = match.groups()
    try:
        IPv6Address(address or "::")
        urlsplit(text)  # which refuses some passwords: brackets, letters that hold another sign
    except ValueError:
        return False
    return 0 < int(port or 6379) <= PORT_MAX
