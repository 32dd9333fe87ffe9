"""A task as a record: its fields by the names of the API, whatever the format of the file."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError

from todo_graphql.api.scalars import date_time, full_date, uuid_of
from todo_graphql.errors import BadUserInput
from todo_graphql.store import validation
from todo_graphql.store.models import TASK_MAX_TAGS, Priority
from todo_graphql.store.tasks.rows import NewTask, TaskRow

FIELDS = (
    "id",
    "title",
    "description",
    "priority",
    "dueOn",
    "dueAt",
    "tags",
    "completedAt",
    "createdAt",
    "deletedAt",
)
"""All that can come back, in the order of the columns."""

PRIORITIES = ", ".join(Priority.__members__)

Record = Mapping[str, object]


def record_of(row: TaskRow) -> dict[str, Any]:
    """The task, as it is written down."""
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "priority": Priority(row.priority).name,
        "dueOn": row.due_on,
        "dueAt": row.due_at,
        "tags": row.tags,
        "completedAt": row.completed_at,
        "createdAt": row.created_at,
        "deletedAt": row.deleted_at,
    }


def task_of(record: Record) -> NewTask:
    """The task that a record tells of, by the rules of the API. Raises BadUserInput."""
    require_known(record, "field")
    task = NewTask(
        title=validation.title(_text(record, "title") or "", "title"),
        description=validation.description(_text(record, "description"), "description"),
        id=_read(record, "id", lambda value: uuid_of(value, "id")),
        priority=_read(record, "priority", _priority) or Priority.NONE,
        due_on=_read(record, "dueOn", full_date),
        due_at=_read(record, "dueAt", date_time),
        tags=validation.tags(_texts(record, "tags"), "tags"),
        completed_at=_read(record, "completedAt", date_time),
        created_at=_read(record, "createdAt", date_time),
        deleted_at=_read(record, "deletedAt", date_time),
    )
    if task.due_on is not None and task.due_at is not None:
        raise BadUserInput("A task is due on a day or at an instant, not both.", field="dueAt")
    return task


def require_known(names: Mapping[str, object], kind: str) -> None:
    """Raises BadUserInput for a name that no field has: its values would be lost."""
    for name in names:
        if name not in FIELDS:
            # As much of it as a sentence can hold, and no half of a surrogate pair.
            shown = name[:50].encode(errors="replace").decode()
            raise BadUserInput(f"Tasks have no {kind} `{shown}`.", field=shown)


def _text(record: Record, name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise BadUserInput(f"`{name}` is a text, or null.", field=name)
    return value


def _texts(record: Record, name: str) -> list[str]:
    values = record.get(name)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadUserInput(f"`{name}` is a list of texts, or null.", field=name)
    if len(values) > TASK_MAX_TAGS:  # before each is looked at: a file has room for millions
        raise BadUserInput(f"A task must have at most {TASK_MAX_TAGS} tags.", field=name)
    return values


def _read(record: Record, name: str, reader: Callable[[str], Any]) -> Any:
    """The value, if there is one, as the API's reader of such values has it."""
    value = _text(record, name)
    try:
        return None if value is None else reader(value)
    except GraphQLError as error:
        raise BadUserInput(error.message, field=name) from None


def _priority(name: str) -> Priority:
    if name not in Priority.__members__:
        raise BadUserInput(f"A priority is one of {PRIORITIES}.", field="priority")
    return Priority[name]
