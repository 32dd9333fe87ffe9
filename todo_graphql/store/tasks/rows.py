"""Rows of tasks: the output columns, and the input of a create."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, null

from todo_graphql.store import validation
from todo_graphql.store.formats import format_date, format_instant, format_uuid
from todo_graphql.store.models import TASKS, Priority


class TaskRow(NamedTuple):
    """Task in the output format: ids, dates and instants are text."""

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


def format_columns(source: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a TaskRow in order, from a source with the columns of tasks."""
    columns = source.c
    return (
        format_uuid(columns.id),
        columns.title,
        columns.description,
        columns.completed_at.is_not(None).label("completed"),
        format_instant(columns.completed_at),
        columns.priority,
        format_date(columns.due_on),
        format_instant(columns.due_at),
        columns.tags,
        format_instant(columns.created_at),
        format_instant(columns.updated_at),
        format_instant(columns.deleted_at),
        columns.revision,
    )


ROW_COLUMNS = format_columns(TASKS)

ALL = frozenset(TaskRow._fields)
"""The names of all columns of a TaskRow."""


def project_columns(columns: frozenset[str]) -> list[ColumnElement[Any]]:
    """Return the columns of a TaskRow, with null for those that are not named."""
    return [
        column if column.name in columns else null().label(column.name) for column in ROW_COLUMNS
    ]


def project_result(result: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of a TaskRow in a subquery."""
    return [result.c[name] for name in TaskRow._fields]


WIDTH = len(TaskRow._fields)
_new_row = partial(tuple.__new__, TaskRow)
_head = itemgetter(slice(WIDTH))


def parse_task_rows(result: Iterable[Sequence[Any]]) -> list[TaskRow]:
    """Return the TaskRows at the start of result rows."""
    # Faster than TaskRow._make for each row (decision 0003).
    return list(map(_new_row, map(_head, result)))


@dataclass(frozen=True, slots=True)
class NewTask:
    """Task to create. With a client-supplied id, the create can be repeated.

    PostgreSQL parses the dates and instants. Only imports set the last three fields.
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

    def checked(self, prefix: str = "") -> "NewTask":
        """Return the task in its stored form. Raises BadUserInput with the prefixed field."""
        validation.require_one_due_date(self.due_on, self.due_at, f"{prefix}dueAt")
        return replace(
            self,
            title=validation.title(self.title, f"{prefix}title"),
            description=validation.description(self.description, f"{prefix}description"),
            tags=validation.tags(self.tags, f"{prefix}tags"),
        )

    def digest(self) -> bytes | None:
        """Return a digest that distinguishes this create from others with the same id.

        Absent fields are skipped, so that a new field does not change existing digests.
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
        """Return the JSON record for PostgreSQL. `place` is the task's position in the list."""
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
