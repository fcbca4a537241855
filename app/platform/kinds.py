"""The two kinds of objects in the Task Manager: where they are, how they are read and missed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic

from msgspec import Raw

from app.domain.activity import Activity
from app.domain.reading import ItemT_co, Reading
from app.domain.task import Task
from app.errors import ActivityNotFoundError, RequestError, TaskNotFoundError
from app.platform.activities import read_activity, read_activity_item
from app.platform.events import Endpoint
from app.platform.normalise import read_item, read_task

_BASE_PATH: Final = "/api/task_manager/v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[ItemT_co]):
    """One kind: its path, the names of its two endpoints, its readers, and its 404."""

    path: str
    list: Endpoint
    one: Endpoint
    read_item: Callable[[Raw, str], Reading[ItemT_co]]
    read_one: Callable[[bytes, str], Reading[ItemT_co]]
    not_found: Callable[[], RequestError]


TASKS: Final[Kind[Task]] = Kind(
    path=f"{_BASE_PATH}/tasks",
    list="tasks",
    one="task",
    read_item=read_item,
    read_one=read_task,
    not_found=lambda: TaskNotFoundError("No task has this id."),
)
ACTIVITIES: Final[Kind[Activity]] = Kind(
    path=f"{_BASE_PATH}/activities",
    list="activities",
    one="activity",
    read_item=read_activity_item,
    read_one=read_activity,
    not_found=lambda: ActivityNotFoundError("No activity has this id."),
)
