"""Results of writes, whose tasks are bounded in size before anything changes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Integer, Select, func, literal, select

from todo_graphql.errors import QueryTooComplex
from todo_graphql.store.models import TASKS, USERS
from todo_graphql.store.quota import Growth
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks.rows import WIDTH, TaskRow, parse_task_rows

MAX_RESULT_BYTES = 2_097_152
"""The most bytes of descriptions in the result of one write. Other texts are short."""


class WriteResult(NamedTuple):
    """Result of a write: the user's revision, the numbers of selected and of changed tasks, and
    the selected tasks.
    """

    revision: int
    number: int
    changed: int
    rows: Sequence[TaskRow]


def parse_write_result(result: Sequence[Sequence[Any]]) -> WriteResult:
    """Parse the result of a write statement: tasks, if any, beside their size and a summary.

    Raises QueryTooComplex if the tasks are too large.
    """
    if len(result[0]) > WIDTH and result[0][WIDTH] > MAX_RESULT_BYTES:
        raise result_too_large()
    there = [row for row in result if len(row) > WIDTH and row[0] is not None]
    revision, number, changed = result[0][-3:]
    return WriteResult(revision, number, changed, parse_task_rows(there))


def summarize_write(
    scope: ViewerScope,
    writer: CTE,
    number: ColumnElement[int],
    changed: ColumnElement[int],
    growth: Growth | None = None,
) -> Select[Any]:
    """Select the last columns of a result: the growth, if any, the user's revision after the
    write, the number of selected tasks, and the number of changed tasks.
    """
    # The planner tries to replace max() by an index scan, which takes longer than LIMIT.
    now = select(writer.c.revision).limit(1).scalar_subquery()
    before = scope.user(USERS.c.revision).limit(1).scalar_subquery()
    revision: ColumnElement[Any] = func.coalesce(now, before, literal(0, Integer))
    columns = [revision.label("user_revision"), number.label("number"), changed.label("changed")]
    if growth is None:
        return select(*columns)
    tasks = literal(0, Integer) if growth.tasks is None else growth.tasks
    return select(tasks.label("added_tasks"), growth.bytes.label("added_bytes"), *columns)


def count_rows(rows: CTE) -> ColumnElement[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def description_size(values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[int]:
    """Return the size of a task's description after a write of these values."""
    description = values.get("description", TASKS.c.description)
    return func.coalesce(func.octet_length(description), 0)


def result_too_large() -> QueryTooComplex:
    return QueryTooComplex(
        "Nothing was changed: the descriptions of the tasks would exceed the limit of "
        f"{MAX_RESULT_BYTES:,} bytes in the result. Change fewer tasks at once, or do not select "
        "`description`. With an `idempotencyKey`, descriptions count in any case.",
        limit=MAX_RESULT_BYTES,
        limitName="resultBytes",
    )
