"""What is answered below HTTP: the same problems, in bytes of our own."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.api.edge import HSTS, SECURITY
from app.api.problems import problem_response
from app.api.tracing import trace
from app.errors import HeadersTooLargeError, OverloadedError, ServiceError


def refusal(error: ServiceError, request_id: str, *, secure: bool) -> bytes:
    """Return an answer that ends its connection; `secure` says that it goes over TLS."""
    response = problem_response(error, instance="/", request_id=request_id)
    head = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    head.append((b"traceparent", trace(b"").encode()))
    head += [*SECURITY, *([HSTS] if secure else []), (b"connection", b"close")]
    lines = b"".join(b"%s: %s\r\n" % field for field in head)
    return STATUS_LINE[error.status] + lines + b"\r\n" + bytes(response.body)


def full_house() -> OverloadedError:
    """Return what one connection too many is told."""
    return OverloadedError("Too many connections are open here.", retry_after_s=1)


def too_much_head() -> HeadersTooLargeError:
    """Return what a head beyond its bounds is told."""
    return HeadersTooLargeError("The head of the request is too large.")


def too_much_ahead() -> OverloadedError:
    """Return what one request too many that is sent ahead is told."""
    return OverloadedError("Too many requests wait here.")
