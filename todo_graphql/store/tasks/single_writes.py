"""Statements that create or change one task.

They are shorter than the bulk statements, because PostgreSQL plans each of them anew.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)

from todo_graphql.store.models import TASKS, TOMBSTONES
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import Growth
from todo_graphql.store.ranks import rank_of
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.stamps import WRITTEN_AT
from todo_graphql.store.tasks.derived import due_instant
from todo_graphql.store.tasks.edits import EditsShape, mark_change, update_change
from todo_graphql.store.tasks.rows import (
    ALWAYS_READ,
    WIDTH,
    NewTask,
    format_columns,
    parse_task_rows,
    stored_columns,
)
from todo_graphql.store.tasks.selections import task_not_found
from todo_graphql.store.tasks.write_results import WriteResult, count_rows, id_conflict
from todo_graphql.store.write_summary import parse_summary, summary_columns

TASK_ID = bindparam("task_id", type_=Uuid())
SIZE = bindparam("new_size", type_=Integer())
IS_TASK = TASKS.c.id == TASK_ID
ONE: ColumnElement[int] = literal(1, Integer)

CLASHES = WIDTH
"""The place, in a row of `insert_one_statement`, of the flag that the id is in use."""


REQUIRED = object()
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        **{column.name: None for column in TASKS.c if column.nullable},
        "completed": False,
        "created_at": None,
        "priority": 0,
        "tags": [],
    }
)
"""The values that the fields of a task have if they are not named."""


def insert_one_parameters(task: NewTask) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the fields of a task, without those that have their default, and the parameters."""
    stored = task.stored().items()
    given = {name: value for name, value in stored if value != DEFAULTS.get(name, REQUIRED)}
    values = {f"new_{name}": value for name, value in given.items()}
    return tuple(given), values | {"task_id": given["id"], "new_size": task.size()}


@cached_statement
def insert_one_statement(
    scope: ViewerScope, given: tuple[str, ...], columns: frozenset[str]
) -> Select[Any]:
    """Insert a task with the `given` fields. Returns no row beyond the quota.

    A task with a digest has an id of the client: the task that has this id already is returned,
    with a flag if it differs. Of a task that was purged, the id alone is returned.
    """
    columns |= ALWAYS_READ
    values: dict[str, Any] = {
        name: cast(bindparam(f"new_{name}"), TASKS.c[name].type)
        for name in given
        if name != "completed"
    }
    digest = values.get("creation_digest")
    read = [*stored_columns(columns), *([] if digest is None else [TASKS.c.creation_digest])]
    is_purged = TOMBSTONES.c.task_id == TASK_ID
    existing = scope.tasks_or_tombstones(IS_TASK, is_purged, read).cte("existing")
    growth = Growth(ONE, SIZE)
    is_new = true() if digest is None else ~exists(select(existing.c.id))
    writer = scope.next_revision(when=and_(is_new, scope.within_quota(growth)), growth=growth)
    end = func.concat(rank_of(writer.c.revision), "0000011")
    values |= {"created_at": WRITTEN_AT, "updated_at": WRITTEN_AT, "rank": end}
    if "completed" in given:
        values["completed_at"] = WRITTEN_AT
    if "due_at" in given or "due_on" in given:
        values["due"] = due_instant(values.get("due_on", null()), values.get("due_at", null()))
    task: CTE | Subquery = scope.insert_one(writer, values, read)
    clashes: ColumnElement[bool] = false()
    if digest is not None:
        task = union_all(select(task), select(existing)).subquery("task")
        clashes = task.c.creation_digest.is_distinct_from(digest)
    about = summary_columns(scope, writer, ONE, count_rows(writer))
    return select(*format_columns(task, columns), clashes.label("clashes"), *about)


def parse_insert_one(result: Sequence[Sequence[Any]], field: str) -> WriteResult:
    """Parse the result of `insert_one_statement`.

    Raises Conflict if the `field`, an id, belongs to a different task.
    """
    if not result:
        return WriteResult(0, 1, 0, [])
    if result[0][CLASHES]:
        (task,) = parse_task_rows(result)
        raise id_conflict({field: task})
    summary = parse_summary(result[0])
    return WriteResult(summary.revision, 1, summary.changed, parse_task_rows(result))


@cached_statement
def update_one_statement(
    scope: ViewerScope, edits: EditsShape, columns: frozenset[str], *, expects_revision: bool
) -> Select[Any]:
    """Apply edits to a task that differs and is at the expected revision."""
    values, when = update_change(edits, expects_revision=expects_revision)
    return change_one_statement(scope, values, when, columns, edits.added_bytes())


@cached_statement
def mark_one_statement(
    scope: ViewerScope, column: str, columns: frozenset[str], *, clears: bool
) -> Select[Any]:
    """Set an instant of a task if it is null, or clear it if it is set."""
    values, when = mark_change(column, clears=clears)
    return change_one_statement(scope, values, when, columns)


def change_one_statement(
    scope: ViewerScope,
    values: Mapping[str, Any],
    when: ColumnElement[bool],
    columns: frozenset[str],
    added: ColumnElement[int] | None = None,
) -> Select[Any]:
    """Set values of a task if `when` holds. Returns the task, if it exists.

    `added` are the bytes that the values add to the task.
    """
    read = stored_columns(columns | ALWAYS_READ)
    nothing = literal(0, Integer)
    size = (nothing if added is None else added).label("added")
    target = scope.tasks(*read, when.label("changes"), size).where(IS_TASK).cte("target")
    changes = select(target.c.changes).scalar_subquery()
    growth = None if added is None else Growth(None, select(target.c.added).scalar_subquery())
    allowed = changes if growth is None else and_(changes, scope.within_quota(growth))
    writer = scope.next_revision(when=allowed, growth=growth)
    updated = scope.update(IS_TASK, writer, values, read)
    unchanged = select(*(target.c[column.name] for column in read)).where(
        ~exists(select(updated.c.id))
    )
    now = union_all(select(updated), unchanged).subquery("task_now")
    if growth is not None:
        growth = Growth(None, case((changes, growth.bytes), else_=0))
    about = summary_columns(scope, writer, ONE, count_rows(writer), growth)
    return select(*format_columns(now, columns | ALWAYS_READ), *about)


def parse_change_one(result: Sequence[Sequence[Any]]) -> WriteResult:
    """Parse the result of `change_one_statement`. Raises NotFound."""
    if not result:
        raise task_not_found()
    summary = parse_summary(result[0])
    return WriteResult(summary.revision, 1, summary.changed, parse_task_rows(result))
