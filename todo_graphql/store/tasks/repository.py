"""What can be done with tasks: each method is one statement, but for `move` and the two of
whole lists, `iter_all` and `import_tasks`.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Uuid, bindparam, func

from todo_graphql.errors import Conflict
from todo_graphql.store.models import TASKS
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import StatementKey, cached_statement
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.tasks.cursors import PageRequest
from todo_graphql.store.tasks.edits import Edits
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
from todo_graphql.store.tasks.pages import TaskPage, read_page
from todo_graphql.store.tasks.reordering import Destination, move
from todo_graphql.store.tasks.rows import ALL, NewTask, TaskRow, parse_task_rows, project_columns
from todo_graphql.store.tasks.transfer import Imported, import_tasks, iter_all
from todo_graphql.store.tasks.updates import (
    TaskSelection,
    WriteResult,
    mark_statement,
    parse_write_result,
    purge_statement,
    update_statement,
)


@cached_statement
def find_statement(scope: ViewerScope, columns: frozenset[str]) -> Select[Any]:
    return scope.tasks(*project_columns(columns)).where(
        TASKS.c.id == bindparam("task_id", type_=Uuid())
    )


@cached_statement
def count_statement(scope: ViewerScope, which: FilterShape) -> Select[Any]:
    return scope.tasks(func.count()).where(*which.predicates())


class Tasks:
    """The tasks of one viewer. Another user's task is not there: it reads, counts and fails
    exactly as one that never existed.

    Each write takes the user's next revision and stamps it on what it touched; one that
    changes nothing takes none. Those of several tasks do all or nothing.
    """

    def __init__(self, connection: ViewerConnection, columns: frozenset[str] = ALL) -> None:
        """Of the tasks that are answered, only the `columns` are read: the others are None."""
        self._statements = Statements(connection)
        self._columns = columns

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        """The task, be it in the trash or not."""
        statement = find_statement(self._columns)
        rows = parse_task_rows(self._statements.read(statement, {"task_id": str(task_id)}))
        return rows[0] if rows else None

    def count(self, which: TaskFilter) -> int:
        """How many tasks the whole list has."""
        shape, values = which.split()
        ((number,),) = self._statements.read(count_statement(shape), values)
        return int(number)

    def page(self, request: PageRequest) -> TaskPage:
        """A page of a list."""
        return read_page(self._statements, request, self._columns)

    def iter_all(self) -> Iterator[list[TaskRow]]:
        """All tasks, those in the trash included, in the manual order: page by page, each read
        when it is asked for.
        """
        return iter_all(self._statements)

    def overview(
        self, zone: str, counts: frozenset[str] = ALL_COUNTS, *, tags: bool = True
    ) -> Overview:
        """Counts of what a home screen shows, and nothing but these. `zone` is a known one of
        the IANA database.
        """
        statement = overview_statement(counts, tags=tags)
        return parse_overview(self._statements.read(statement, overview_parameters(zone)))

    def tags(self) -> list[TagCount]:
        """All tags in use, in the order of the alphabet."""
        return parse_tag_counts(self._statements.read(tags_statement()))

    def create(self, new: Sequence[NewTask], fields: Sequence[str]) -> WriteResult:
        """Create tasks, and the user's row with their first ones.

        Under an id that is in use nothing is created: the same create answers the task as it
        is now, another one raises Conflict with its one of the `fields`.
        """
        answer = self._statements.write(
            insert_statement(self._columns), insert_parameters(new), ensure_user=True
        )
        return parse_insert_result(answer, fields)

    def import_tasks(self, tasks: Iterable[NewTask]) -> Imported:
        """Create all whose id is not in use, at the end of the manual order, or, when taking one
        from the iterable raises, none. Those in use stay as they are.
        """
        return import_tasks(self._statements, tasks)

    def update(
        self, selected: TaskSelection, edits: Edits, *, expected_revision: int | None = None
    ) -> WriteResult:
        """Change what the edits name. Values that are there already are no change.

        Raises NotFound; Conflict when a task is not at `expected_revision`.
        """
        selection, values = selected.split()
        shape, new_values = edits.split()
        expects_revision = expected_revision is not None
        statement = update_statement(
            selection, shape, self._columns, expects_revision=expects_revision
        )
        values |= new_values | {"expected_revision": expected_revision}
        written = self._change(selected, statement, values)
        return written if expected_revision is None else _at(expected_revision, written)

    def complete(self, selected: TaskSelection) -> WriteResult:
        """Mark as done; a completed task stays as it is. Raises NotFound."""
        return self._mark(selected, "completed_at")

    def reopen(self, selected: TaskSelection) -> WriteResult:
        """Mark as not done; an open task stays as it is. Raises NotFound."""
        return self._mark(selected, "completed_at", clears=True)

    def delete(self, selected: TaskSelection) -> WriteResult:
        """Move to the trash; a task that is there stays as it is. Raises NotFound."""
        return self._mark(selected, "deleted_at")

    def restore(self, selected: TaskSelection) -> WriteResult:
        """Bring back from the trash; any other task stays as it is. Raises NotFound."""
        return self._mark(selected, "deleted_at", clears=True)

    def purge(self, selected: TaskSelection) -> WriteResult:
        """Remove for good, from the trash or not. Raises NotFound."""
        selection, values = selected.split()
        return self._change(selected, purge_statement(selection), values)

    def move(self, task_id: uuid.UUID, to: Destination) -> WriteResult:
        """Put at another place in the manual order. Raises NotFound and BadUserInput."""
        return move(self._statements, self._columns, task_id, to)

    def _mark(self, selected: TaskSelection, column: str, *, clears: bool = False) -> WriteResult:
        selection, values = selected.split()
        statement = mark_statement(selection, column, self._columns, clears=clears)
        return self._change(selected, statement, values)

    def _change(
        self, selected: TaskSelection, statement: StatementKey, values: Mapping[str, Any]
    ) -> WriteResult:
        return selected.check(parse_write_result(self._statements.write(statement, values)))


def _at(expected_revision: int, written: WriteResult) -> WriteResult:
    """Raises Conflict when the task was not at the expected revision: then it has not changed."""
    (row,) = written.rows
    if not written.changed and row.revision != expected_revision:
        raise Conflict("The task has changed since.", currentRevision=row.revision)
    return written
