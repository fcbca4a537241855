"""What tells tasks and activities apart on the line that both take."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from app.domain.activity import Activity
from app.domain.bounds import Params
from app.domain.ids import Ref
from app.domain.reading import Item, Page, Reading
from app.domain.task import Task
from app.errors import (
    ActivityNotFoundError,
    AmbiguousIdError,
    ParameterFault,
    RequestError,
    TaskNotFoundError,
    UpstreamInvalidResponseError,
)
from app.service.envelope import ActivityList, TaskList
from app.service.reading import Platform


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of item: where it is served, how the platform is asked, what an answer holds."""

    one: str
    many: str
    path: str
    kind: type[Item]
    envelope: Callable[..., Any]
    not_found: type[RequestError]
    pages: Callable[[Platform, Params, int], AsyncGenerator[Page[Any], None]]
    read: Callable[[Platform, str], Awaitable[Reading[Any]]]

    async def find(self, platform: Platform, ref: Ref) -> Reading[Any]:
        """Return what `ref` points at.

        Raises:
            RequestError: `platform` has no such thing.
            UpstreamError: it failed, or answered with something else.
        """
        if ref.number:
            return _checked(await self.read(platform, ref.number), ref)
        text = str(ref.uuid)
        async with aclosing(self.pages(platform, (("uuid", text),), 1)) as pages:
            async for page in pages:
                for reading in page.readings:
                    return _checked(reading, ref)
        raise self.missing(text)

    def missing(self, text: str) -> RequestError:
        """Return the error for an id that nothing has."""
        return self.not_found(f"There is no {self.one} {text!r}.")

    def ambiguous(self, text: str, candidates: Iterable[str]) -> AmbiguousIdError:
        """Return the error for a bare id that several accounts know."""
        listed = ", ".join(sorted(candidates))
        return AmbiguousIdError(
            f"Several accounts know {self.one} {text!r}: {listed}.",
            faults=[ParameterFault("id", "is in several accounts", allowed=listed)],
        )


def _checked(reading: Reading[Any], ref: Ref) -> Reading[Any]:
    """Return `reading` if it is what `ref` points at; anything else must not pass for it."""
    got = str(reading.number) if ref.number else reading.item.uuid
    if got != (ref.number or ref.uuid):
        raise UpstreamInvalidResponseError(
            "The platform answered with another item than it was asked for.",
            account=reading.item.account,
        )
    return reading


TASKS = Noun(
    one="task",
    many="tasks",
    path="/v1/tasks",
    kind=Task,
    envelope=TaskList,
    not_found=TaskNotFoundError,
    pages=lambda platform, params, limit: platform.task_pages(params, limit=limit),
    read=lambda platform, upstream_id: platform.task(upstream_id),
)
ACTIVITIES = Noun(
    one="activity",
    many="activities",
    path="/v1/activities",
    kind=Activity,
    envelope=ActivityList,
    not_found=ActivityNotFoundError,
    pages=lambda platform, params, limit: platform.activity_pages(params, limit=limit),
    read=lambda platform, upstream_id: platform.activity(upstream_id),
)
