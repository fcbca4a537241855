"""The token endpoint's rules (P§2): who may have a token, over which tenants, for how long."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

import msgspec

from app.sandbox.estate import Tenant
from app.sandbox.refusals import access, oauth

_TENANT_SCOPE = "urn:acronis.com:tenant-id:"
_API_SCOPE = "urn:acronis.com::task_manager::"
_ROLES = {"viewer", "issuer", "consumer", "admin"}
_EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# The real one signs with RS256; nobody but this file reads a token, so a shared key will do.
_HEADER = b'{"typ":"JWT","alg":"HS256"}'
_FORM = "application/x-www-form-urlencoded"


class Grant(msgspec.Struct, frozen=True):
    """What a token allows: the subtree of a tenant, some roles, until an instant (Unix seconds)."""

    exp: int
    locator: str
    roles: tuple[str, ...]
    iat: int
    jti: int
    use: str = "access"

    def allows_reading(self) -> bool:
        """Whether the API's four endpoints may be called (P§2.4)."""
        return "viewer" in self.roles or "admin" in self.roles


class Tokens:
    """Issues signed tokens to one API client and reads them again; nothing is stored.

    A token is void from `lifetime_s` seconds of the given clock after it was issued.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        client_id: str,
        client_secret: str,
        lifetime_s: int,
        tenants: Sequence[Tenant],
    ) -> None:
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._lifetime_s = lifetime_s
        self._own = tenants[0]
        self._tenants = {tenant.uuid: tenant for tenant in tenants}
        self._key = hashlib.sha256(f"sandbox {client_id} {client_secret}".encode()).digest()
        self._issued = 0

    def answer(self, content_type: str, authorization: str, body: bytes) -> dict[str, object]:
        """Return the token endpoint's answer to a request.

        Raises:
            RefusalError: 400, 401, 403 or 415 in the OAuth shape.
        """
        if content_type.partition(";")[0].strip().lower() != _FORM:
            raise oauth(415, "invalid_request", f"Content-Type must be {_FORM}")
        form = _form(body)
        if "grant_type" not in form:
            raise oauth(400, "invalid_request", "Missing grant_type parameter")
        match form["grant_type"]:
            case "client_credentials":
                self._authenticate(form, authorization)
                whole = Grant(
                    exp=self._now() + self._lifetime_s,
                    locator=self._own.locator,
                    roles=("viewer",),
                    iat=self._now(),
                    jti=0,
                )
                return self._issue(self._narrowed(whole, form.get("scope", "")))
            case grant_type if grant_type == _EXCHANGE:
                return self._issue(self._exchanged(form, authorization))
        raise oauth(400, "unsupported_grant_type", "Grant type is not supported")

    def check(self, authorization: str) -> Grant:
        """Return what the bearer of an `Authorization` header may do.

        Raises:
            RefusalError: 401 for a missing, damaged or expired token, 403 without a reading role.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise access("UnauthorizedRequest")
        grant = self._read(token)
        if grant is None:
            raise access("AuthenticationTimeout")
        if not grant.allows_reading():
            raise access("AccessDenied")
        return grant

    def _authenticate(self, form: Mapping[str, str], authorization: str) -> None:
        given = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        expected = (self._client_id, self._client_secret)
        if not all(map(_equal, given, expected)):
            raise oauth(401, "invalid_client", "Client authentication failed")

    def _exchanged(self, form: Mapping[str, str], authorization: str) -> Grant:
        assertion = form.get("assertion", "")
        if not assertion or "scope" not in form:
            raise oauth(400, "invalid_request", "Missing assertion or scope parameter")
        scheme, _, bearer = authorization.partition(" ")
        base = self._read(assertion)
        if base is None or scheme.lower() != "bearer" or not _equal(bearer, assertion):
            raise oauth(401, "invalid_client", "Client authentication failed")
        return self._narrowed(base, form["scope"])

    def _narrowed(self, grant: Grant, scope: str) -> Grant:
        """Cut a grant to the tenants and roles of a scope; it expires when its base does."""
        roles = []
        for word in scope.split():
            role = word.removeprefix(_API_SCOPE)
            tenant = self._tenants.get(word.removeprefix(_TENANT_SCOPE).lower())
            if word.startswith(_API_SCOPE) and role in _ROLES:
                roles.append(role)
            elif tenant is not None and tenant.locator.startswith(grant.locator):
                grant = msgspec.structs.replace(grant, locator=tenant.locator)
            else:
                raise oauth(403, "access_denied", "Failed to authorize")
        return msgspec.structs.replace(grant, roles=tuple(roles)) if roles else grant

    def _issue(self, grant: Grant) -> dict[str, object]:
        self._issued += 1
        grant = msgspec.structs.replace(grant, jti=self._issued, iat=self._now())
        return {
            "access_token": self._sign(grant),
            "token_type": "bearer",
            "expires_in": grant.exp - self._now(),
            "expires_on": grant.exp,
            "id_token": self._sign(msgspec.structs.replace(grant, use="id")),
        }

    def _sign(self, grant: Grant) -> str:
        payload = f"{_url64(_HEADER)}.{_url64(msgspec.json.encode(grant))}"
        return f"{payload}.{_url64(hmac.digest(self._key, payload.encode(), 'sha256'))}"

    def _read(self, token: str) -> Grant | None:
        payload, _, signature = token.rpartition(".")
        expected = _url64(hmac.digest(self._key, payload.encode(), "sha256"))
        if not _equal(signature, expected):
            return None
        body = payload.partition(".")[2]
        grant = msgspec.json.decode(base64.urlsafe_b64decode(body + "==="), type=Grant)
        return grant if grant.use == "access" and self._clock() < grant.exp else None

    def _now(self) -> int:
        return int(self._clock())


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as exc:
        raise oauth(400, "invalid_request", "Malformed form") from exc
    for name, values in fields.items():
        if len(values) > 1:
            raise oauth(400, "invalid_request", f"Repeated {name} parameter")
    return {name: values[0] for name, values in fields.items()}


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as exc:
        raise oauth(401, "invalid_client", "Client authentication failed") from exc
    return name, secret


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _url64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")
