"""Which errors a request may be answered with, by its route: tables for the OpenAPI document."""

from http import HTTPStatus

from app.errors import (
    AccountNotFoundError,
    AmbiguousIdError,
    ContentTooLargeError,
    HeadersTooLargeError,
    InternalError,
    InvalidValueError,
    NotAcceptableError,
    NotCachedError,
    OverloadedError,
    RateLimitedError,
    RequestError,
    ScopeDeniedError,
    ServiceError,
    UnauthenticatedError,
    UnknownParameterError,
    UpstreamError,
    UriTooLongError,
)


def leaves(kind: type[ServiceError]) -> list[type[ServiceError]]:
    """Return the classes below `kind` that have a slug of their own."""
    return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]


REFUSALS = [kind for kind in leaves(RequestError) if kind.status == HTTPStatus.BAD_REQUEST]
"""What a mistake in a parameter, or a body, is answered with."""

_OUTAGES = [*leaves(UpstreamError), NotCachedError]
LIST_FAILURES = [
    *REFUSALS,
    AccountNotFoundError,
    NotAcceptableError,
    AmbiguousIdError,
    *_OUTAGES,
]
ANYWHERE: tuple[type[ServiceError], ...] = (
    UnauthenticatedError,
    ScopeDeniedError,
    ContentTooLargeError,
    UriTooLongError,
    RateLimitedError,
    HeadersTooLargeError,
    OverloadedError,
    InternalError,
)


def item_failures(not_found: type[ServiceError]) -> list[type[ServiceError]]:
    """Return how a request for one item fails; `not_found` is its noun's own."""
    return [
        UnknownParameterError,
        InvalidValueError,
        not_found,
        AmbiguousIdError,
        NotAcceptableError,
        *_OUTAGES,
    ]
