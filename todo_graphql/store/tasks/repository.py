"""Repository of tasks. A method runs one statement; `move`, edits of tags and transfers several."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Select, func

from todo_graphql.errors import Conflict, ConflictReason
from todo_graphql.store.models import MAX_TOMBSTONES, TASKS
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import StatementKey, cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.storage import write_within_quota
from todo_graphql.store.sync.changes import Changes, read_changes
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.sync.outcomes import PushedTask, Rejection
from todo_graphql.store.sync.push import PushResult, push
from todo_graphql.store.tasks.edits import Edits, format_tag_edits
from todo_graphql.store.tasks.filters import FilterShape, TaskFilter
from todo_graphql.store.tasks.inserts import (
    insert_parameters,
    insert_statement,
    parse_insert_result,
)
from todo_graphql.store.tasks.overview import (
    ALL_COUNTS,
    Overview,
    TagCount,
    overview_parameters,
    overview_statement,
    parse_overview,
    parse_tag_counts,
    tags_statement,
)
from todo_graphql.store.tasks.page_requests import PageRequest
from todo_graphql.store.tasks.pages import TaskPage, read_page
from todo_graphql.store.tasks.reordering import Destination, move
from todo_graphql.store.tasks.rows import ALL, NewTask, TaskRow, format_columns, parse_task_rows
from todo_graphql.store.tasks.selections import SelectionShape, TaskSelection
from todo_graphql.store.tasks.single_writes import (
    IS_TASK,
    insert_one_parameters,
    insert_one_statement,
    mark_one_statement,
    parse_change_one,
    parse_insert_one,
    update_one_statement,
)
from todo_graphql.store.tasks.transfer.exports import iter_all
from todo_graphql.store.tasks.transfer.imports import Imported, import_tasks
from todo_graphql.store.tasks.updates import (
    mark_statement,
    present_tags_statement,
    purge_statement,
    update_statement,
)
from todo_graphql.store.tasks.values.new_values import NewValues, values_parameters
from todo_graphql.store.tasks.values.updates import parse_set_values, set_values_statement
from todo_graphql.store.tasks.write_results import WriteResult, parse_write_result
from todo_graphql.store.tasks.zoned.pages import read_zoned_page
from todo_graphql.store.validation import require_few_tags, require_task_id

Parse: TypeAlias = Callable[[Sequence[Sequence[Any]]], WriteResult]


NOTHING: frozenset[str] = frozenset()


@cached_statement
def find_statement(scope: ViewerScope, columns: frozenset[str]) -> Select[Any]:
    return scope.tasks(*format_columns(TASKS, columns)).where(IS_TASK)


@cached_statement
def count_statement(scope: ViewerScope, which: FilterShape) -> Select[Any]:
    return scope.tasks(func.count()).where(*which.predicates())


class Tasks:
    """Tasks of one viewer. Another user's task is indistinguishable from a missing one.

    Each write takes the user's next revision and stores it in the changed tasks. A write without
    changes takes no revision. A write of several tasks is atomic.
    """

    def __init__(
        self,
        connection: ViewerConnection,
        columns: frozenset[str] = ALL,
        previous: frozenset[str] = NOTHING,
    ) -> None:
        """Read only these `columns` of returned tasks, and these `previous` values of changed ones.

        The others are None. Without any, there are no previous values.
        """
        self._statements = Statements(connection)
        self._columns = columns
        self._previous = previous

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        """Return a task, also from the trash."""
        statement = find_statement(self._columns)
        rows = parse_task_rows(self._statements.read(statement, {"task_id": str(task_id)}))
        return rows[0] if rows else None

    def count(self, which: TaskFilter) -> int:
        """Count the tasks of a filter."""
        shape, values = which.split()
        ((number,),) = self._statements.read(count_statement(shape), values)
        return int(number)

    def page(self, request: PageRequest) -> TaskPage:
        read = read_zoned_page if request.listing.is_zoned else read_page
        return read(self._statements, request, self._columns)

    def iter_all(self) -> Iterator[list[TaskRow]]:
        """Iterate over pages of all tasks, the trash included, in the manual order."""
        return iter_all(self._statements)

    def changes(
        self, since: SyncCursor | None, size: int, *, expects_changes: bool = False
    ) -> Changes:
        """Return a page of the changes since a cursor, the trash included."""
        return read_changes(
            self._statements, since, size, self._columns, expects_changes=expects_changes
        )

    def push(self, rows: Sequence[PushedTask | Rejection]) -> PushResult:
        """Merge edits of up to PUSH_MAX different tasks, in one transaction."""
        return push(self._statements, rows, self._columns)

    def overview(
        self, zone: str, counts: frozenset[str] = ALL_COUNTS, *, tags: bool = True
    ) -> Overview:
        """Return the requested counts. `zone` must be a zone of the IANA database."""
        statement = overview_statement(counts, tags=tags)
        return parse_overview(self._statements.read(statement, overview_parameters(zone)))

    def tags(self) -> list[TagCount]:
        """Return all tags in use, in alphabetical order."""
        return parse_tag_counts(self._statements.read(tags_statement()))

    def create(self, new: Sequence[NewTask], fields: Sequence[str]) -> WriteResult:
        """Create tasks, and the user's row before the first one.

        A repeated create returns the existing task. Raises QuotaExceeded, and with one of the
        `fields` BadUserInput for the id of the user and Conflict for that of a different task.
        """
        for task, field in zip(new, fields, strict=False):
            require_task_id(task.id, self._statements.connection.viewer_id, f"{field}.id")
        if len(new) == 1:
            return self._create_one(new[0], fields[0])
        parse = partial(parse_insert_result, fields=fields)
        statement = insert_statement(self._columns)
        return write_within_quota(
            self._statements, statement, insert_parameters(new), parse, ensure_user=True
        )

    def _create_one(self, new: NewTask, field: str) -> WriteResult:
        given, values = insert_one_parameters(new)
        return write_within_quota(
            self._statements,
            insert_one_statement(given, self._columns),
            values,
            partial(parse_insert_one, field=f"{field}.id"),
            ensure_user=True,
            growth=(1, values["new_size"]),
        )

    def import_tasks(
        self, tasks: Iterable[NewTask], turn: AbstractContextManager[None] | None = None
    ) -> Imported:
        """Create the tasks with new ids at the end of the manual order, and skip the others.

        The turn is taken for each batch. An exception of the iterable, and QuotaExceeded, roll the
        import back.
        """
        return import_tasks(self._statements, tasks, turn)

    def update(
        self, selected: TaskSelection, edits: Edits, *, expected_revision: int | None = None
    ) -> WriteResult:
        """Apply edits to the tasks that differ from them.

        Raises NotFound, QuotaExceeded, and Conflict if the task is not at `expected_revision`.
        """
        selection, values = selected.split()
        values["expected_revision"] = expected_revision
        if not edits.changes_tags:
            written = self._update(selected, selection, edits, values)
        else:
            # The new tags of a task depend on its present ones.
            with self._statements.transaction():
                present = self._statements.read(present_tags_statement(selection), values)
                edited = edits.edit_tags([tags for (tags,) in present])
                if selected.dry_run:  # otherwise a constraint rejects the task, if it changes
                    for tags in edited.values():
                        require_few_tags(tags, "input.addTags")
                values["tag_edits"] = format_tag_edits(edited)
                written = self._update(selected, selection, edits, values)
        return written if expected_revision is None else _at(expected_revision, written)

    def _update(
        self,
        selected: TaskSelection,
        selection: SelectionShape,
        edits: Edits,
        values: Mapping[str, Any],
    ) -> WriteResult:
        shape, new_values = edits.split()
        expects_revision = values["expected_revision"] is not None
        if selected.single:
            statement = update_one_statement(
                shape, self._columns, expects_revision=expects_revision
            )
        else:
            statement = update_statement(
                selection,
                shape,
                self._columns,
                self._previous,
                expects_revision=expects_revision,
            )
        values = {**values, **new_values}
        return self._change(selected, statement, values, grows=shape.changes_size)

    def set_values(self, new: Sequence[NewValues]) -> WriteResult:
        """Set the values of tasks, each to its own, all or none.

        Raises NotFound, QuotaExceeded, and Conflict if a task is not at its expected revision.
        """
        selected = TaskSelection(ids=tuple(values.id for values in new))
        _, values = selected.split()
        statement = set_values_statement(self._columns, self._previous, first=True)
        parse = partial(parse_set_values, selected=selected)
        values |= values_parameters(new)
        return write_within_quota(self._statements, statement, values, parse)

    def complete(self, selected: TaskSelection) -> WriteResult:
        """Complete the open ones of the tasks. Raises NotFound."""
        return self._mark(selected, "completed_at")

    def reopen(self, selected: TaskSelection) -> WriteResult:
        """Reopen the completed ones of the tasks. Raises NotFound."""
        return self._mark(selected, "completed_at", clears=True)

    def delete(self, selected: TaskSelection) -> WriteResult:
        """Move the tasks to the trash. Raises NotFound."""
        return self._mark(selected, "deleted_at")

    def restore(self, selected: TaskSelection) -> WriteResult:
        """Restore the tasks from the trash. Raises NotFound."""
        return self._mark(selected, "deleted_at", clears=True)

    def purge(self, selected: TaskSelection) -> WriteResult:
        """Delete the tasks permanently. Raises NotFound."""
        selection, values = selected.split()
        values["max_tombstones"] = MAX_TOMBSTONES
        return _checked(selected, self._statements.write(purge_statement(selection), values))

    def move(self, task_id: uuid.UUID, to: Destination) -> WriteResult:
        """Move a task in the manual order. Raises NotFound and BadUserInput."""
        return move(self._statements, self._columns, task_id, to)

    def _mark(self, selected: TaskSelection, column: str, *, clears: bool = False) -> WriteResult:
        selection, values = selected.split()
        if selected.single:
            statement = mark_one_statement(column, self._columns, clears=clears)
        else:
            statement = mark_statement(
                selection, column, self._columns, self._previous, clears=clears, first=True
            )
        return self._change(selected, statement, values)

    def _change(
        self,
        selected: TaskSelection,
        statement: StatementKey,
        values: Mapping[str, Any],
        *,
        grows: bool = False,
    ) -> WriteResult:
        """Run a statement for the selected tasks, within the quota if it `grows` them."""
        parse: Parse = parse_change_one if selected.single else partial(_checked, selected)
        if grows:
            return write_within_quota(self._statements, statement, values, parse)
        return parse(self._statements.write(statement, values))


def _checked(selected: TaskSelection, result: Sequence[Sequence[Any]]) -> WriteResult:
    return selected.check(parse_write_result(result))


def _at(expected_revision: int, written: WriteResult) -> WriteResult:
    """Raise Conflict if the task was not at the expected revision."""
    (row,) = written.rows
    if not written.changed and row.revision != expected_revision:
        raise Conflict(
            "The task has changed since `expectedRevision`.",
            reason=ConflictReason.STALE,
            task=row,
            currentRevision=row.revision,
        )
    return written
