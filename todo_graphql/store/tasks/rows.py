"""Tasks as they come and go: what a new one is made of, and what is read of one."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, null

from todo_graphql.store.formats import format_date, format_instant, format_uuid
from todo_graphql.store.models import TASKS, Priority


class TaskRow(NamedTuple):
    """A task in the form in which it leaves: ids, days and RFC 3339 instants are text."""

    id: str
    title: str
    description: str | None
    completed: bool
    completed_at: str | None
    priority: int
    due_on: str | None
    due_at: str | None
    tags: list[str]
    created_at: str
    updated_at: str
    deleted_at: str | None
    revision: int


# The columns of a TaskRow, in its order.
ROW_COLUMNS: tuple[ColumnElement[Any], ...] = (
    format_uuid(TASKS.c.id),
    TASKS.c.title,
    TASKS.c.description,
    TASKS.c.completed_at.is_not(None).label("completed"),
    format_instant(TASKS.c.completed_at),
    TASKS.c.priority,
    format_date(TASKS.c.due_on),
    format_instant(TASKS.c.due_at),
    TASKS.c.tags,
    format_instant(TASKS.c.created_at),
    format_instant(TASKS.c.updated_at),
    format_instant(TASKS.c.deleted_at),
    TASKS.c.revision,
)


ALL = frozenset(TaskRow._fields)
"""What there is to read of a task."""


def project_columns(columns: frozenset[str]) -> list[ColumnElement[Any]]:
    """The columns of a TaskRow, of which only those named are read: the others are null."""
    return [
        column if column.name in columns else null().label(column.name) for column in ROW_COLUMNS
    ]


def project_result(result: FromClause) -> list[ColumnElement[Any]]:
    """The columns of a TaskRow in a statement's result."""
    return [result.c[name] for name in TaskRow._fields]


WIDTH = len(TaskRow._fields)
_new_row = partial(tuple.__new__, TaskRow)
_head = itemgetter(slice(WIDTH))


def parse_task_rows(answer: Iterable[Sequence[Any]]) -> list[TaskRow]:
    """The TaskRows that an answer's rows begin with."""
    # TaskRow._make for each of them takes four times as long.
    return list(map(_new_row, map(_head, answer)))


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to create. With an id of the client's, the same create may be sent again.

    Days and instants are text that PostgreSQL reads. The last three are those of a task
    that was a task before: one that comes back from an export.
    """

    title: str
    description: str | None = None
    id: uuid.UUID | None = None
    priority: int = Priority.NONE
    due_on: str | None = None
    due_at: str | None = None
    tags: tuple[str, ...] = ()
    completed_at: str | None = None
    created_at: str | None = None
    deleted_at: str | None = None

    def digest(self) -> bytes | None:
        """What tells this create from another one under the same id.

        Fields that were not given do not count, so that a field added to this class leaves
        the digests of older creates as they are.
        """
        if self.id is None:
            return None
        content = {
            "title": self.title,
            "description": self.description,
            "priority": self.priority or None,
            "due_on": self.due_on,
            "due_at": self.due_at,
            "tags": self.tags or None,
        }
        given = {name: value for name, value in content.items() if value is not None}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()

    def record(self, place: int) -> dict[str, Any]:
        """The row, as PostgreSQL reads it from JSON. `place` is its own among others."""
        digest = self.digest()
        return {
            "place": place,
            "id": str(self.id or uuid.uuid4()),
            "title": self.title,
            "description": self.description,
            "priority": int(self.priority),
            "due_on": self.due_on,
            "due_at": self.due_at,
            "tags": self.tags,
            "completed_at": self.completed_at,
            "created_at": self.created_at,
            "deleted_at": self.deleted_at,
            "creation_digest": None if digest is None else f"\\x{digest.hex()}",
        }
