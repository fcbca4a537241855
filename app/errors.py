"""Every failure a caller can tell apart; each class fixes its slug, status and title.

ServiceError
├── RequestError                     the caller's mistake
│   ├── InvalidParameterError        400  several kinds of mistake at once
│   ├── UnknownParameterError        400
│   ├── InvalidValueError            400
│   ├── ConflictingParametersError   400
│   ├── TooManyIdsError              400
│   ├── CursorMalformedError         400
│   ├── CursorMismatchError          400
│   ├── UnauthenticatedError         401
│   ├── ScopeDeniedError             403
│   ├── TaskNotFoundError            404
│   ├── ActivityNotFoundError        404
│   ├── AccountNotFoundError         404
│   ├── RouteNotFoundError           404
│   ├── MethodNotAllowedError        405
│   ├── NotAcceptableError           406
│   ├── AmbiguousIdError             409
│   ├── ContentTooLargeError         413
│   ├── UriTooLongError              414
│   ├── RateLimitedError             429
│   └── HeadersTooLargeError         431
├── UpstreamError                    the platform's trouble
│   ├── UpstreamFailedError          502
│   ├── UpstreamInvalidResponseError 502
│   ├── UpstreamAuthFailedError      502
│   ├── UpstreamThrottledError       503
│   ├── UpstreamUnavailableError     503
│   └── UpstreamTimeoutError         504
├── NotCachedError                   504  nothing kept, and no call was wanted
├── OverloadedError                  503  more waits here than can be served in time
└── InternalError                    500  ours

A class docstring is the explanation on its page below `/problems`: write it for the API's user.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Nature: TypeAlias = Literal["outage", "crowd", "answer", "refusal"]
"""What a failure is to those who ask the same: nothing learnt, nothing even asked, learnt from the
platform, or none of theirs. It decides what may be kept: an outage for a moment, an answer like any
other, the others never; for an outage or a crowd something old may stand in."""


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One mistake in one parameter: what is wrong, what is allowed, what was probably meant."""

    parameter: str
    detail: str
    allowed: str | None = None
    did_you_mean: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """What the platform said of a failure: its status, its own code, its request id."""

    status: int | None = None
    code: str | None = None
    request_id: str | None = None


class ServiceError(Exception):
    """A failure with a name; `detail` is a sentence for the caller and holds no secret.

    `retry_after_s` is set when waiting helps.
    """

    slug: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    nature: ClassVar[Nature] = "outage"

    def __init__(
        self,
        detail: str,
        *,
        retry_after_s: float | None = None,
        account: str | None = None,
        upstream: UpstreamFacts | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.account = account
        self.upstream = upstream


class RequestError(ServiceError):
    """The caller's mistake; `faults` names each parameter that is wrong."""

    nature: ClassVar[Nature] = "refusal"

    def __init__(self, detail: str, *, faults: Sequence[ParameterFault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class InvalidParameterError(RequestError):
    """Several parameters are wrong, each in its own way; `errors` lists them all."""

    slug, status, title = "invalid-parameter", 400, "Invalid parameters"


class UnknownParameterError(RequestError):
    """A parameter is not known here; `did_you_mean` names the nearest one that is."""

    slug, status, title = "unknown-parameter", 400, "Unknown parameter"


class InvalidValueError(RequestError):
    """A parameter has a value that is not allowed; `allowed` says what is."""

    slug, status, title = "invalid-value", 400, "Invalid value"


class ConflictingParametersError(RequestError):
    """Two parameters can't hold at once, such as an empty time window."""

    slug, status, title = "conflicting-parameters", 400, "Conflicting parameters"


class TooManyIdsError(RequestError):
    """More ids were asked for than one request may hold; split them over several requests."""

    slug, status, title = "too-many-ids", 400, "Too many ids"


class CursorMalformedError(RequestError):
    """The cursor was not made by this service, or was changed; start the walk again without it."""

    slug, status, title = "cursor-malformed", 400, "Malformed cursor"


class CursorMismatchError(RequestError):
    """The filters beside the cursor differ from those it was made for; repeat or omit them."""

    slug, status, title = "cursor-mismatch", 400, "Cursor of another query"


class UnauthenticatedError(RequestError):
    """No key or token was sent, or it is not valid (any more); `WWW-Authenticate` says which."""

    slug, status, title = "unauthenticated", 401, "Unauthenticated"

    def __init__(self, detail: str, *, refused: bool = False) -> None:
        """`refused` says that credentials were sent."""
        super().__init__(detail)
        self.refused = refused


class ScopeDeniedError(RequestError):
    """An account or a tenant is outside of what you may see, or the route is for admins only."""

    slug, status, title = "scope-denied", 403, "Outside of your scope"


class TaskNotFoundError(RequestError):
    """No task has this id in any account that you may see."""

    slug, status, title = "task-not-found", 404, "Task not found"
    nature: ClassVar[Nature] = "answer"


class ActivityNotFoundError(RequestError):
    """No activity has this id in any account that you may see; a task's id may name none."""

    slug, status, title = "activity-not-found", 404, "Activity not found"
    nature: ClassVar[Nature] = "answer"


class AccountNotFoundError(RequestError):
    """No account has this alias; `/v1/accounts` lists those that exist."""

    slug, status, title = "account-not-found", 404, "Account not found"


class RouteNotFoundError(RequestError):
    """Nothing is served at this path; `/docs` lists every route."""

    slug, status, title = "route-not-found", 404, "Route not found"


class MethodNotAllowedError(RequestError):
    """The path exists but not with this method; the `Allow` header lists those it has."""

    slug, status, title = "method-not-allowed", 405, "Method not allowed"

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.allow = allow


class NotAcceptableError(RequestError):
    """No form of the answer is one that you accept; see your `Accept-Encoding`."""

    slug, status, title = "not-acceptable", 406, "Not acceptable"


class AmbiguousIdError(RequestError):
    """Several accounts have a task with this bare id; ask again with one of the candidates."""

    slug, status, title = "ambiguous-id", 409, "Ambiguous id"
    nature: ClassVar[Nature] = "answer"


class ContentTooLargeError(RequestError):
    """The body of the request is over 64 KiB."""

    slug, status, title = "content-too-large", 413, "Content too large"


class UriTooLongError(RequestError):
    """The request target, or that of a next page, is longer than 8 KiB; ask for less at once."""

    slug, status, title = "uri-too-long", 414, "URI too long"


class RateLimitedError(RequestError):
    """You ask more often than your rate allows; `Retry-After` says when to ask again."""

    slug, status, title = "rate-limited", 429, "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: float = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class HeadersTooLargeError(RequestError):
    """The request has more than 100 header fields, or its head is over 32 KiB."""

    slug, status, title = "headers-too-large", 431, "Headers too large"


class UpstreamError(ServiceError):
    """The platform's trouble, not the caller's and not ours."""

    refused = False  # True when only this one question was refused: the account may be well


class UpstreamFailedError(UpstreamError):
    """The platform answered with an error, also when asked again, or refused what we asked."""

    slug, status, title = "upstream-error", 502, "The platform failed"


class UpstreamInvalidResponseError(UpstreamError):
    """The platform's answer could not be read: not JSON, cut short, or without its items."""

    slug, status, title = "upstream-invalid-response", 502, "The platform's answer is unreadable"


class UpstreamAuthFailedError(UpstreamError):
    """The platform refused the credentials of the account; an operator must mend them."""

    slug, status, title = "upstream-auth-failed", 502, "The platform refused our credentials"


class UpstreamThrottledError(UpstreamError):
    """The platform asked us to slow down and nothing usable is kept; `Retry-After` says when."""

    slug, status, title = "upstream-throttled", 503, "The platform throttles"


class UpstreamUnavailableError(UpstreamError):
    """The platform is out of reach; `Retry-After` says when another try makes sense."""

    slug, status, title = "upstream-unavailable", 503, "The platform is out of reach"


class UpstreamTimeoutError(UpstreamError):
    """The platform did not answer within the time that one answer may take."""

    slug, status, title = "upstream-timeout", 504, "The platform is too slow"


class NotCachedError(ServiceError):
    """You asked for a kept answer only, and none that is kept will do; ask without that wish."""

    slug, status, title = "not-cached", 504, "Not cached"


class OverloadedError(ServiceError):
    """Too many questions wait for the platform already; `Retry-After` says when to ask again."""

    slug, status, title = "overloaded", 503, "Too much to do"
    nature: ClassVar[Nature] = "crowd"  # of one consumer, perhaps: the next may find room


class InternalError(ServiceError):
    """A bug of ours. It was logged with the request id; please report that id."""

    slug, status, title = "internal", 500, "Internal error"
