"""Results of writes. The tasks of a change are bounded in size before anything changes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import CTE, ColumnElement, Integer, func, literal, select

from todo_graphql.errors import Conflict, ConflictReason, QueryTooComplex
from todo_graphql.store.models import TASKS
from todo_graphql.store.tasks.rows import WIDTH, TaskRow, parse_task_rows
from todo_graphql.store.tasks.values.rows import TaskValuesRow
from todo_graphql.store.write_summary import parse_summary

# Behind the columns of a task and the size of the result, a change returns these if the previous
# values are selected: whether the task changes, and its values.
CHANGES = WIDTH + 1
PREVIOUS = slice(CHANGES + 1, CHANGES + 1 + len(TaskValuesRow._fields))

MAX_RESULT_BYTES = 2_097_152
"""The most bytes of descriptions in the result of a change. Other texts are short. A create is
bounded by its number of tasks, which may exist already.
"""


class WriteResult(NamedTuple):
    """Result of a write.

    It has the user's revision, the numbers of selected and of changed tasks, the selected tasks,
    and the values of the changed ones before the write.
    """

    revision: int
    number: int
    changed: int
    rows: Sequence[TaskRow]
    previous: Sequence[TaskValuesRow] = ()


def id_conflict(clashes: Mapping[str, TaskRow]) -> Conflict:
    """Return the error for new tasks with the ids of others, by the fields of these ids.

    A task that was permanently deleted has its id alone.
    """
    taken = {field: task for field, task in clashes.items() if task.created_at}
    purged = [task.id for task in clashes.values() if not task.created_at]
    ids = {"purged": purged} if purged else {}
    if not taken:
        return Conflict(
            "The task with this id was permanently deleted: use another id.",
            reason=ConflictReason.PURGED,
            field=next(iter(clashes)),
            **ids,
        )
    field, first = next(iter(taken.items()))
    return Conflict(
        "This id is in use by another task of yours.",
        reason=ConflictReason.ID_TAKEN,
        task=first,
        field=field,
        taken=[task.id for task in taken.values()],
        **ids,
    )


def parse_write_result(result: Sequence[Sequence[Any]]) -> WriteResult:
    """Parse the result of a write statement: tasks, if any, beside their size and a summary.

    Raises QueryTooComplex if the tasks are too large.
    """
    if len(result[0]) > WIDTH and result[0][WIDTH] > MAX_RESULT_BYTES:
        raise result_too_large()
    there = [row for row in result if len(row) > WIDTH and row[0] is not None]
    summary = parse_summary(result[0])
    previous = [
        TaskValuesRow._make(row[PREVIOUS])
        for row in there
        if summary.changed and len(row) > PREVIOUS.stop and row[CHANGES]
    ]
    return WriteResult(
        summary.revision, summary.number, summary.changed, parse_task_rows(there), previous
    )


def count_rows(rows: CTE) -> ColumnElement[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


def description_size(
    values: Mapping[str, ColumnElement[Any]], columns: frozenset[str], previous: frozenset[str]
) -> ColumnElement[int]:
    """Return the size of the descriptions that the result has of a task.

    The `columns` may have the one after a write of these values, `previous` the one before it.
    """
    size: ColumnElement[int] = literal(0, Integer)
    if "description" in columns:
        size = size + _size(values.get("description", TASKS.c.description))
    if "description" in previous:
        size = size + _size(TASKS.c.description)
    return size


def _size(text: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(func.octet_length(text), 0)


def result_too_large() -> QueryTooComplex:
    return QueryTooComplex(
        "Nothing was changed: the descriptions of the tasks would exceed the limit of "
        f"{MAX_RESULT_BYTES:,} bytes in the result. Change fewer tasks at once, or do not select "
        "`description`. With an `idempotencyKey`, descriptions count in any case.",
        limit=MAX_RESULT_BYTES,
        limitName="resultBytes",
    )
