"""Update and delete statements: one statement changes any number of tasks."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)

from todo_graphql.store.models import TASKS, USERS
from todo_graphql.store.postgres.statement_cache import cached_statement
from todo_graphql.store.quota import BYTES, Growth, count_bytes
from todo_graphql.store.scope import Columns, ViewerScope
from todo_graphql.store.tasks.edits import EditsShape, mark_change, update_change
from todo_graphql.store.tasks.rows import ALWAYS_READ, format_columns, stored_columns
from todo_graphql.store.tasks.selections import BULK_MAX, DRY_RUN_ROWS, SelectionShape
from todo_graphql.store.tasks.values.rows import columns_before, format_values
from todo_graphql.store.tasks.write_results import count_rows, description_size
from todo_graphql.store.write_summary import summarize_write

TOMBSTONES_LIMIT = bindparam("max_tombstones", type_=Integer())

MAX_BYTES = bindparam("max_result_bytes", type_=Integer())

NOTHING = literal(0, Integer)


@cached_statement
def update_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    edits: EditsShape,
    columns: frozenset[str],
    previous: frozenset[str],
    *,
    expects_revision: bool,
) -> Select[Any]:
    """Apply edits to the selected tasks that differ and are at the expected revision."""
    values, when = update_change(edits, expects_revision=expects_revision)
    added = edits.added_bytes()
    return change_statement(scope, selection, values, when, columns, previous, added)


@cached_statement
def mark_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    column: str,
    columns: frozenset[str],
    previous: frozenset[str],
    *,
    clears: bool,
    first: bool,
) -> Select[Any]:
    """Set an instant where it is null, or clear it where it is set.

    Of several statements in one transaction, only the `first` that changes tasks takes a revision.
    """
    values, when = mark_change(column, clears=clears)
    return change_statement(scope, selection, values, when, columns, previous, first=first)


@cached_statement
def present_tags_statement(scope: ViewerScope, selection: SelectionShape) -> Select[Any]:
    """Select the tags of each selected task, of at most one more than can change at once."""
    return scope.tasks(TASKS.c.tags).where(*selection.predicates()).limit(BULK_MAX + 1)


@cached_statement
def purge_statement(scope: ViewerScope, selection: SelectionShape) -> Select[Any]:
    """Delete the selected tasks permanently. In a transaction, it must be the first write.

    Beyond MAX_TOMBSTONES, the oldest tombstones of the user are deleted as well, and more tasks at
    once leave none.
    """
    size = count_bytes({name: TASKS.c[name] for name in BYTES}).label("size")
    target = scope.tasks(TASKS.c.id, size).where(*selection.predicates()).cte("target")
    total = func.coalesce(func.sum(target.c.size), 0).label("bytes")
    freed = select(func.count().label("tasks"), total).select_from(target).cte("freed")
    number = select(freed.c.tasks).scalar_subquery()
    keeps_tombstones = number <= TOMBSTONES_LIMIT
    oldest = scope.oldest_tombstones(beyond=func.greatest(TOMBSTONES_LIMIT - number, 0))
    last = select(func.coalesce(func.max(oldest.c.revision), 0)).scalar_subquery()
    writer = scope.next_revision(
        when=and_(selection.allows(freed.c.tasks), freed.c.tasks > 0),
        growth=Growth(-freed.c.tasks, -freed.c.bytes),
        forgotten=case((keeps_tombstones, last), else_=USERS.c.revision + 1),
    )
    deleted = scope.delete(TASKS.c.id.in_(select(target.c.id)), writer)
    about = summarize_write(scope, writer, freed.c.tasks, count_rows(deleted))
    return about.add_cte(
        scope.insert_tombstones(deleted, writer, when=keeps_tombstones),
        scope.delete_tombstones(oldest),
    )


def change_statement(
    scope: ViewerScope,
    selection: SelectionShape,
    values: Mapping[str, Any],
    when: ColumnElement[bool],
    columns: frozenset[str],
    previous: frozenset[str],
    added: ColumnElement[int] | None = None,
    *,
    first: bool = True,
) -> Select[Any]:
    """Set values of the selected tasks for which `when` holds. Return all selected tasks.

    Each has its `previous` values if there are any. `added` are the bytes that the values add to a
    task. If the descriptions of the result are too large, nothing changes, and no task is returned.
    """
    columns |= ALWAYS_READ
    read = stored_columns(columns)
    is_sized = "description" in columns | previous and selection.max_rows > DRY_RUN_ROWS
    size = description_size(values, columns, previous) if is_sized else NOTHING
    sizes = (NOTHING if added is None else added).label("added"), size.label("size")
    chosen = [TASKS.c.id, *columns_before(previous), when.label("changes"), *sizes]
    target = scope.tasks(*chosen).where(*selection.predicates()).cte("target")
    totals = count_targets(target)
    is_small = totals.c.size <= MAX_BYTES if is_sized else true()
    growth = None if added is None else Growth(None, totals.c.bytes)
    fits = true() if growth is None else scope.within_quota(growth)
    allowed = and_(selection.allows(totals.c.number), totals.c.changing > 0, is_small, fits)
    take_revision = scope.next_revision if first else scope.same_revision
    writer = take_revision(when=allowed, growth=growth)
    changing = select(target.c.id).where(target.c.changes)
    updated = scope.update(TASKS.c.id.in_(changing), writer, values, read)
    tasks = tasks_now(scope, updated, TASKS.c.id.in_(select(target.c.id)), read)
    counts = (totals.c.number, count_rows(updated), growth)
    about = summarize_write(scope, writer, *counts).subquery("summary")
    source = about.join(totals, true()).outerjoin(tasks, is_small)
    before: list[ColumnElement[Any]] = []
    if previous:
        source = source.outerjoin(target, target.c.id == tasks.c.id)
        before = [target.c.changes, *format_values(target, tasks.c.revision, previous)]
    return (
        select(*format_columns(tasks, columns), totals.c.size, *before, about)
        .select_from(source)
        .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
        .limit(selection.max_rows)
    )


def tasks_now(
    scope: ViewerScope, updated: CTE, is_selected: ColumnElement[bool], columns: Columns
) -> Subquery:
    """Select the tasks as they are after the update of some of them."""
    unchanged = scope.tasks(*columns).where(is_selected, TASKS.c.id.not_in(select(updated.c.id)))
    return union_all(select(updated), unchanged).subquery("tasks_now")


def count_targets(target: CTE) -> CTE:
    """Count the selected and the changing tasks, the bytes gained, and the total size."""
    changes = target.c.changes
    columns = [
        func.count().label("number"),
        func.count().filter(changes).label("changing"),
        func.coalesce(func.sum(target.c.added).filter(changes), 0).label("bytes"),
        func.coalesce(func.sum(target.c.size), 0).label("size"),
    ]
    return select(*columns).select_from(target).cte("totals")
