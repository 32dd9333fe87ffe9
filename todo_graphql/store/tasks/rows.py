"""Rows of tasks: the output columns, and the input of a create."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Text, cast, null
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from todo_graphql.store import validation
from todo_graphql.store.formats import format_date, format_instant, format_uuid
from todo_graphql.store.models import TASKS, Priority
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks.derived import derive


class TaskRow(NamedTuple):
    """Task in the output format: ids, dates and instants are text.

    A field of a later release needs a default, which the schema allows: a replayed payload of an
    earlier one lacks the field.
    """

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
    position: str | None = ""


Columns: TypeAlias = ReadOnlyColumnCollection[str, ColumnElement[Any]]

FORMATS: Mapping[str, Callable[[Columns], ColumnElement[Any]]] = MappingProxyType(
    {
        "id": lambda stored: format_uuid(stored.id),
        "title": lambda stored: stored.title,
        "description": lambda stored: stored.description,
        "completed": lambda stored: stored.completed_at.is_not(None).label("completed"),
        "completed_at": lambda stored: format_instant(stored.completed_at),
        "priority": lambda stored: stored.priority,
        "due_on": lambda stored: format_date(stored.due_on),
        "due_at": lambda stored: format_instant(stored.due_at),
        "tags": lambda stored: stored.tags,
        "created_at": lambda stored: format_instant(stored.created_at),
        "updated_at": lambda stored: format_instant(stored.updated_at),
        "deleted_at": lambda stored: format_instant(stored.deleted_at),
        "revision": lambda stored: stored.revision,
        "position": lambda stored: format_position(stored.rank, stored.id),
    }
)
"""The output format of each field of a TaskRow, from the stored columns."""

ALL = frozenset(TaskRow._fields)
"""The names of all fields of a TaskRow."""


ALWAYS_READ = frozenset({"id", "created_at", "revision"})
"""The columns that a write always reads."""


def format_position(rank: ColumnElement[str], task_id: ColumnElement[Any]) -> ColumnElement[str]:
    """Format the place in the manual order, which is by rank and then by id.

    The separator sorts before all characters of ranks.
    """
    return rank.concat("!").concat(cast(task_id, Text)).label("position")


SOURCES: Mapping[str, frozenset[str]] = MappingProxyType(
    {"completed": frozenset({"completed_at"}), "position": frozenset({"rank", "id"})}
)
"""The stored columns of the fields that are no columns."""


def stored_columns(fields: frozenset[str]) -> list[ColumnElement[Any]]:
    """Return the columns of tasks that `format_columns` needs for these fields."""
    names = {column for name in fields for column in SOURCES.get(name, (name,))}
    return [column for column in TASKS.c if column.name in names]


def format_columns(source: FromClause, fields: frozenset[str] = ALL) -> list[ColumnElement[Any]]:
    """Return the columns of a TaskRow in order, with null for the fields that are not named.

    The source has the stored columns of these fields. RETURNING has stored columns only, because
    Citus evaluates no other functions there than immutable ones.
    """
    return [
        FORMATS[name](source.c) if name in fields else null().label(name)
        for name in TaskRow._fields
    ]


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

    PostgreSQL parses the dates and instants. Only imports set the last three fields, and only
    creates `completed`: a completed task gets the time of the write.
    """

    title: str
    description: str | None = None
    id: uuid.UUID | None = None
    priority: int = Priority.NONE
    due_on: str | None = None
    due_at: str | None = None
    tags: tuple[str, ...] = ()
    completed: bool = False
    completed_at: str | None = None
    created_at: str | None = None
    deleted_at: str | None = None

    def checked(self, prefix: str = "") -> "NewTask":
        """Return the task in its stored form. Raises BadUserInput with the prefixed fields."""
        with ProblemCollector() as collect:
            collect(validation.require_one_due_date, self.due_on, self.due_at, f"{prefix}dueAt")
            title = collect(validation.title, self.title, f"{prefix}title")
            text = collect(validation.description, self.description, f"{prefix}description")
            tags = collect(validation.tags, self.tags, f"{prefix}tags")
        return replace(self, title=title, description=text, tags=tags)

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
            "completed": self.completed or None,
        }
        given = {name: value for name, value in content.items() if value is not None}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()

    def stored(self) -> dict[str, Any]:
        """Return the values of the columns, as literals and JSON represent them."""
        digest = self.digest()
        return {
            "id": str(self.id or uuid.uuid4()),
            "priority": int(self.priority),
            "due_on": self.due_on,
            "due_at": self.due_at,
            "completed": self.completed,
            "completed_at": self.completed_at,
            "created_at": self.created_at,
            "deleted_at": self.deleted_at,
            "creation_digest": None if digest is None else f"\\x{digest.hex()}",
            **derive({"title": self.title, "description": self.description, "tags": self.tags}),
        }

    def size(self) -> int:
        """Return the bytes of the texts, which count towards the quota."""
        texts = (self.title, self.description or "", *self.tags)
        return sum(len(text.encode()) for text in texts)
