"""How the platform says no: the two error shapes of P§2.5 and P§12.2."""

from collections.abc import Mapping


class RefusalError(Exception):
    """An answer that ends a request: status, JSON body and headers as they go out."""

    def __init__(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers


def bad_request(text: str) -> RefusalError:
    """Return the refusal of a parameter; `text` stands in `debug.msg` (P§5.5)."""
    return RefusalError(400, _domain_error("BadRequest") | {"debug": {"msg": text}})


def not_found(number: str) -> RefusalError:
    """Return the bare 404 of a single object."""
    return RefusalError(404, _domain_error("NotFound") | {"context": {"id": number}})


def routing(status: int) -> RefusalError:
    """Return the refusal of a path (404) or a method (405) that does not exist."""
    return RefusalError(status, _domain_error("NotFound" if status == 404 else "MethodNotAllowed"))  # noqa: PLR2004


def access(code: str) -> RefusalError:
    """Return 403 for `AccessDenied`, 401 for every other code of the domain `Access` (P§12.3)."""
    body = {"domain": "Access", "code": code, "reason": code}
    if code == "AccessDenied":
        return RefusalError(403, body)
    return RefusalError(401, body, {"WWW-Authenticate": "Bearer"})


def throttled(retry_after_s: int) -> RefusalError:
    """Return the refusal of one request too many, as Acronis' toolkit words it (P§12.3, P§13)."""
    body = {"error": {"domain": "TaskManager", "code": "tooManyRequests", "message": "Slow down."}}
    return RefusalError(429, body, {"Retry-After": str(retry_after_s)})


def oauth(status: int, error: str, description: str) -> RefusalError:
    """Return a refusal of the token endpoint (RFC 6749 section 5.2, P§2.5)."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if error == "invalid_client":
        headers["WWW-Authenticate"] = "Basic"
    return RefusalError(status, {"error": error, "error_description": description}, headers)


def _domain_error(code: str) -> dict[str, object]:
    return {"domain": "TaskManager", "code": code, "reason": code}
