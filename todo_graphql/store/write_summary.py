"""Summary of a write: the last columns of its result."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Integer, Select, func, literal, select

from todo_graphql.store.models import USERS
from todo_graphql.store.quota import Growth
from todo_graphql.store.scope import ViewerScope


class Summary(NamedTuple):
    """Summary of a write.

    It has the growth of the storage that the write needs, the user's revision after the write, and
    the numbers of selected and of changed tasks.
    """

    added_tasks: int
    added_bytes: int
    revision: int
    number: int
    changed: int


def parse_summary(row: Sequence[Any]) -> Summary:
    return Summary._make(row[-len(Summary._fields) :])


def summarize_write(
    scope: ViewerScope,
    writer: CTE,
    number: ColumnElement[int],
    changed: ColumnElement[int],
    growth: Growth | None = None,
) -> Select[Any]:
    """Select the columns of a Summary."""
    return select(*summary_columns(scope, writer, number, changed, growth))


def summary_columns(
    scope: ViewerScope,
    writer: CTE,
    number: ColumnElement[int],
    changed: ColumnElement[int],
    growth: Growth | None = None,
) -> list[ColumnElement[Any]]:
    """Return the columns of a Summary. Without a growth, the write needs no storage."""
    # Without the owner predicates, which tests remove, there would be several rows.
    now = select(writer.c.revision).limit(1).scalar_subquery()
    before = scope.user(USERS.c.revision).limit(1).scalar_subquery()
    nothing: ColumnElement[int] = literal(0, Integer)
    tasks, size = growth or (None, nothing)
    return [
        (nothing if tasks is None else tasks).label("added_tasks"),
        size.label("added_bytes"),
        func.coalesce(now, before, nothing).label("user_revision"),
        number.label("number"),
        changed.label("changed"),
    ]
