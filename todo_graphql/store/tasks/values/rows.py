"""Values of a task that clients edit, as they were before a change."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, null

from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.rows import FORMATS, stored_columns


class TaskValuesRow(NamedTuple):
    """Values of a task in the output format, and the revision at which they can be set again."""

    id: str
    title: str
    description: str | None
    priority: int
    due_on: str | None
    due_at: str | None
    tags: list[str]
    completed_at: str | None
    expected_revision: int


VALUES = frozenset(TaskValuesRow._fields)
"""The names of all fields of a TaskValuesRow."""

EDITABLE = tuple(name for name in TaskValuesRow._fields if name not in ("id", "expected_revision"))
"""The columns that new values can replace."""


def columns_before(fields: frozenset[str]) -> list[ColumnElement[Any]]:
    """Return the columns of tasks, besides the id, that `format_values` needs for these fields."""
    return [column for column in stored_columns(fields) if column is not TASKS.c.id]


def format_values(
    before: FromClause, revision: ColumnElement[int], fields: frozenset[str]
) -> list[ColumnElement[Any]]:
    """Return the columns of a TaskValuesRow in order, with null for the values that are not named.

    `before` has the stored columns of these values.
    """
    values: list[ColumnElement[Any]] = [
        FORMATS[name](before.c) if name in fields else null() for name in ("id", *EDITABLE)
    ]
    return [*values, revision]
