"""Update and delete statements: one statement changes any number of tasks."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
)

from todo_graphql.errors import Conflict, NotFound
from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import BYTES, Growth, count_bytes
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks import write_results
from todo_graphql.store.tasks.edits import EditsShape
from todo_graphql.store.tasks.filters import FilterShape, TaskFilter
from todo_graphql.store.tasks.rows import format_columns, stored_columns
from todo_graphql.store.tasks.write_results import WriteResult, count_rows, description_size
from todo_graphql.store.write_summary import summarize_write

BULK_MAX = 500
BULK_DEFAULT = 100
DRY_RUN_ROWS = 10


IS_NAMED = TASKS.c.id == any_(cast(bindparam("ids"), ARRAY(Uuid())))
AT_MOST = bindparam("at_most", type_=Integer())
MAX_BYTES = bindparam("max_result_bytes", type_=Integer())
EXPECTED = bindparam("expected_revision", type_=Integer())

ALWAYS_READ = frozenset({"id", "created_at", "revision"})
"""The columns that a write always reads."""


class Change(NamedTuple):
    """New values of columns, and the condition for tasks that change."""

    values: Mapping[str, ColumnElement[Any]]
    when: ColumnElement[bool]


class SelectionShape(NamedTuple):
    """Selection without its values, on which the text of a statement depends.

    Without a filter, the ids select the tasks.
    """

    filter: FilterShape | None = None
    is_bounded: bool = False
    dry_run: bool = False

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates, which extend the owner predicate."""
        return [IS_NAMED] if self.filter is None else self.filter.predicates()

    def allows(self, count: ColumnElement[int]) -> ColumnElement[bool]:
        """Return whether a write may change this many tasks."""
        if self.dry_run:
            return false()
        if self.filter is None:
            return count == AT_MOST
        return count <= AT_MOST if self.is_bounded else true()

    @property
    def max_rows(self) -> int:
        """Maximum number of tasks in the result."""
        return DRY_RUN_ROWS if self.dry_run and self.filter is not None else BULK_MAX


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Tasks to change, selected by ids or by a filter.

    Nothing changes if a filter finds more than `at_most` tasks, or in a dry run.
    """

    ids: tuple[uuid.UUID, ...] | None = None
    single: bool = False
    filter: TaskFilter = field(default_factory=TaskFilter)
    at_most: int | None = None
    dry_run: bool = False

    @classmethod
    def one(cls, task_id: uuid.UUID) -> "TaskSelection":
        """Select a single task."""
        return cls(ids=(task_id,), single=True)

    def in_the_trash(self) -> "TaskSelection":
        """Restrict the filter to the trash."""
        return replace(self, filter=replace(self.filter, trashed=True))

    def split(self) -> tuple[SelectionShape, dict[str, Any]]:
        """Return the shape and the values of its parameters."""
        limit = {"max_result_bytes": write_results.MAX_RESULT_BYTES}
        if self.ids is not None:
            values = {"ids": list(map(str, self.ids)), "at_most": len(self.ids)}
            return SelectionShape(dry_run=self.dry_run), values | limit
        which, values = self.filter.split()
        shape = SelectionShape(which, self.at_most is not None, self.dry_run)
        return shape, values | limit | {"at_most": self.at_most}

    def check(self, written: WriteResult) -> WriteResult:
        """Raise NotFound with the missing ids, or Conflict with the number of matching tasks.

        In both cases the write has changed nothing.
        """
        if self.ids is not None and written.number < len(self.ids):
            raise self._missing({row.id for row in written.rows})
        if not self.dry_run and self.at_most is not None and written.number > self.at_most:
            raise Conflict(
                f"The filter matches {written.number} tasks, more than `atMost`.",
                matched=written.number,
                atMost=self.at_most,
            )
        return written

    def _missing(self, found: set[str]) -> NotFound:
        assert self.ids is not None
        if self.single:
            return task_not_found()
        missing = [str(task_id) for task_id in self.ids if str(task_id) not in found]
        return NotFound("Some of these tasks do not exist.", missing=missing)


@cached_statement
def update_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    edits: EditsShape,
    columns: frozenset[str],
    *,
    expects_revision: bool,
) -> Select[Any]:
    """Apply edits to the selected tasks that differ and are at the expected revision."""
    values, when = update_change(edits, expects_revision=expects_revision)
    return change_statement(scope, selection, values, when, columns, edits.added_bytes())


@cached_statement
def mark_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    column: str,
    columns: frozenset[str],
    *,
    clears: bool,
) -> Select[Any]:
    """Set an instant where it is null, or clear it where it is set."""
    values, when = mark_change(column, clears=clears)
    return change_statement(scope, selection, values, when, columns)


def update_change(edits: EditsShape, *, expects_revision: bool) -> Change:
    """Return the change by edits, of tasks that differ and are at the expected revision."""
    expected = TASKS.c.revision == EXPECTED if expects_revision else true()
    return Change(edits.expressions(), and_(or_(false(), *edits.differences()), expected))


def mark_change(column: str, *, clears: bool) -> Change:
    """Return the change that sets an instant where it is null, or clears it where it is set."""
    is_set = TASKS.c[column].is_not(None)
    if clears:
        return Change({column: null()}, is_set)
    return Change({column: func.now()}, ~is_set)


@cached_statement
def present_tags_statement(scope: ViewerScope, selection: SelectionShape) -> Select[Any]:
    """Select the different tags of the selected tasks: of more of them than may change, only some
    tasks count.
    """
    tasks = scope.tasks(TASKS.c.tags).where(*selection.predicates()).limit(BULK_MAX + 1)
    return select(tasks.subquery("task").c.tags).distinct()


@cached_statement
def purge_statement(scope: ViewerScope, selection: SelectionShape) -> Select[Any]:
    """Delete the selected tasks permanently."""
    size = count_bytes({name: TASKS.c[name] for name in BYTES}).label("size")
    target = scope.tasks(TASKS.c.id, size).where(*selection.predicates()).cte("target")
    total = func.coalesce(func.sum(target.c.size), 0).label("bytes")
    freed = select(func.count().label("tasks"), total).select_from(target).cte("freed")
    writer = scope.next_revision(
        when=and_(selection.allows(freed.c.tasks), freed.c.tasks > 0),
        growth=Growth(-freed.c.tasks, -freed.c.bytes),
    )
    deleted = scope.delete(TASKS.c.id.in_(select(target.c.id)), writer)
    return summarize_write(scope, writer, freed.c.tasks, count_rows(deleted))


def change_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    values: Mapping[str, Any],
    when: ColumnElement[bool],
    columns: frozenset[str],
    added: ColumnElement[int] | None = None,
) -> Select[Any]:
    """Set values of the selected tasks for which `when` holds. Returns all selected tasks.

    `added` are the bytes that the values add to a task. If the descriptions of the result are too
    large, nothing changes, and no task is returned.
    """
    columns |= ALWAYS_READ
    read = stored_columns(columns)
    is_sized = "description" in columns and selection.max_rows > DRY_RUN_ROWS
    nothing = literal(0, Integer)
    chosen = [
        TASKS.c.id,
        when.label("changes"),
        (nothing if added is None else added).label("added"),
        (description_size(values) if is_sized else nothing).label("size"),
    ]
    target = scope.tasks(*chosen).where(*selection.predicates()).cte("target")
    changing = select(target.c.id).where(target.c.changes)
    totals = _totals(target)
    is_small = totals.c.size <= MAX_BYTES if is_sized else true()
    growth = None if added is None else Growth(None, totals.c.bytes)
    fits = true() if growth is None else scope.within_quota(growth)
    allowed = and_(selection.allows(totals.c.number), totals.c.changing > 0, is_small, fits)
    writer = scope.next_revision(when=allowed, growth=growth)
    updated = scope.update(TASKS.c.id.in_(changing), writer, values, read)
    unchanged = scope.tasks(*read).where(
        TASKS.c.id.in_(select(target.c.id)), TASKS.c.id.not_in(select(updated.c.id))
    )
    tasks = union_all(select(updated), unchanged).subquery("tasks_now")
    about = summarize_write(scope, writer, totals.c.number, count_rows(updated), growth).subquery(
        "summary"
    )
    return (
        select(*format_columns(tasks, columns), totals.c.size, about)
        .select_from(about.join(totals, true()).outerjoin(tasks, is_small))
        .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
        .limit(selection.max_rows)
    )


def _totals(target: CTE) -> CTE:
    """Count the selected and the changing tasks, the bytes gained, and the total size."""
    changes = target.c.changes
    columns = [
        func.count().label("number"),
        func.count().filter(changes).label("changing"),
        func.coalesce(func.sum(target.c.added).filter(changes), 0).label("bytes"),
        func.coalesce(func.sum(target.c.size), 0).label("size"),
    ]
    return select(*columns).select_from(target).cte("totals")


def task_not_found() -> NotFound:
    """Return the error of a task that does not exist or belongs to another user."""
    return NotFound("There is no such task.")
