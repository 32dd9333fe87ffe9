"""A task as a record: its fields by the names of the API, whatever the format of the file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLError

from todo_graphql.api.scalars import date_time, full_date, uuid_of
from todo_graphql.errors import BadUserInput
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

Record = Mapping[str, Any]
"""Texts by their names, and a list of texts for the tags. Each may be missing or None."""


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
    return NewTask(
        title=record.get("title") or "",
        description=record.get("description"),
        id=_read(record, "id", lambda value: uuid_of(value, "id")),
        priority=_read(record, "priority", _priority) or Priority.NONE,
        due_on=_read(record, "dueOn", full_date),
        due_at=_read(record, "dueAt", date_time),
        tags=_few(record.get("tags") or ()),
        completed_at=_read(record, "completedAt", date_time),
        created_at=_read(record, "createdAt", date_time),
        deleted_at=_read(record, "deletedAt", date_time),
    ).checked()


def unknown_name(name: str, kind: str) -> BadUserInput:
    """Return the error for a name that no field has: its values would be lost."""
    return BadUserInput(f"Tasks have no {kind} `{name[:50]}`.", field=name[:50])


def _few(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the tags, if they are few: each of many would be looked at otherwise."""
    if len(tags) > TASK_MAX_TAGS:
        raise BadUserInput(f"A task must have at most {TASK_MAX_TAGS} tags.", field="tags")
    return tuple(tags)


def _read(record: Record, name: str, reader: Callable[[str], Any]) -> Any:
    """The value, if there is one, as the API's reader of such values has it."""
    value = record.get(name)
    try:
        return None if value is None else reader(value)
    except GraphQLError as error:
        raise BadUserInput(error.message, field=name) from None


def _priority(name: str) -> Priority:
    if name not in Priority.__members__:
        raise BadUserInput(f"A priority is one of {PRIORITIES}.", field="priority")
    return Priority[name]
