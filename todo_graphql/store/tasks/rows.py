"""Tasks as they come and go: what a new one is made of, and what is read of one."""

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
from todo_graphql.store.formats import day, identifier, moment
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
WIRE: tuple[ColumnElement[Any], ...] = (
    identifier(TASKS.c.id),
    TASKS.c.title,
    TASKS.c.description,
    TASKS.c.completed_at.is_not(None).label("completed"),
    moment(TASKS.c.completed_at),
    TASKS.c.priority,
    day(TASKS.c.due_on),
    moment(TASKS.c.due_at),
    TASKS.c.tags,
    moment(TASKS.c.created_at),
    moment(TASKS.c.updated_at),
    moment(TASKS.c.deleted_at),
    TASKS.c.revision,
)


ALL = frozenset(TaskRow._fields)
"""What there is to read of a task."""


def wire(columns: frozenset[str]) -> list[ColumnElement[Any]]:
    """The columns of a TaskRow, of which only those named are read: the others are null."""
    return [column if column.name in columns else null().label(column.name) for column in WIRE]


def wire_of(result: FromClause) -> list[ColumnElement[Any]]:
    """The columns of a TaskRow in a statement's result."""
    return [result.c[name] for name in TaskRow._fields]


WIDTH = len(TaskRow._fields)
_new_row = partial(tuple.__new__, TaskRow)
_head = itemgetter(slice(WIDTH))


def task_rows(answer: Iterable[Sequence[Any]]) -> list[TaskRow]:
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

    def checked(self, prefix: str = "") -> "NewTask":
        """Return the task as it is stored. Raises BadUserInput with the name of the field that
        breaks a rule, after the prefix.
        """
        validation.require_one_due_date(self.due_on, self.due_at, f"{prefix}dueAt")
        return replace(
            self,
            title=validation.title(self.title, f"{prefix}title"),
            description=validation.description(self.description, f"{prefix}description"),
            tags=validation.tags(self.tags, f"{prefix}tags"),
        )

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
