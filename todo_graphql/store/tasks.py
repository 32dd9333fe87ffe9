"""What can be done with tasks: each method is one statement, but for `move` and the two of
whole lists, `iter_all` and `import_tasks`.
"""

import uuid
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    false,
    func,
    null,
    or_,
    true,
)

from todo_graphql.errors import Conflict
from todo_graphql.store.changes import TaskSelection, WriteResult, change, removal, written_by
from todo_graphql.store.connection import NO_VALUES, ViewerConnection
from todo_graphql.store.creation import insert_parameters, insert_statement, parse_insert_result
from todo_graphql.store.edits import Edits
from todo_graphql.store.exports import iter_all
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.imports import Imported, import_tasks
from todo_graphql.store.mine import ViewerScope
from todo_graphql.store.models import TASKS
from todo_graphql.store.moves import Destination, move
from todo_graphql.store.overview import (
    ALL_COUNTS,
    Overview,
    TagCount,
    moments,
    overview_of,
    overview_statement,
    tag_counts,
    tags_statement,
)
from todo_graphql.store.pages import TaskPage, read_page
from todo_graphql.store.pagination import PageRequest
from todo_graphql.store.rows import ALL, NewTask, TaskRow, task_rows, wire
from todo_graphql.store.statements import Build, Statements

EXPECTED = bindparam("expected_revision", type_=Integer())


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

        def build(scope: ViewerScope) -> Select[Any]:
            return scope.tasks(*wire(self._columns)).where(
                TASKS.c.id == bindparam("task_id", type_=Uuid())
            )

        shape = "find", self._columns
        rows = task_rows(self._statements.read(shape, build, {"task_id": str(task_id)}))
        return rows[0] if rows else None

    def count(self, which: TaskFilter) -> int:
        """How many tasks the whole list has."""

        def build(scope: ViewerScope) -> Select[Any]:
            return scope.tasks(func.count()).where(*which.conditions())

        ((number,),) = self._statements.read(("count", which.shape), build, which.values())
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

        def build(scope: ViewerScope) -> Select[Any]:
            return overview_statement(scope, counts, tags=tags)

        shape = "overview", counts, tags
        return overview_of(self._statements.read(shape, build, moments(zone)))

    def tags(self) -> list[TagCount]:
        """All tags in use, in the order of the alphabet."""
        return tag_counts(self._statements.read("tags", tags_statement))

    def create(self, new: Sequence[NewTask], fields: Sequence[str]) -> WriteResult:
        """Create tasks, and the user's row with their first ones.

        Under an id that is in use nothing is created: the same create answers the task as it
        is now, another one raises Conflict with its one of the `fields`.
        """

        def build(scope: ViewerScope) -> Select[Any]:
            return insert_statement(scope, self._columns)

        shape = "create", self._columns
        return parse_insert_result(
            self._statements.write(shape, build, insert_parameters(new), ensure_user=True), fields
        )

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

        def build(scope: ViewerScope) -> Select[Any]:
            expected = true() if expected_revision is None else TASKS.c.revision == EXPECTED
            when = and_(or_(false(), *edits.differences()), expected)
            return change(scope, selected, edits.expressions(), when, self._columns)

        shape = "update", edits.shape, expected_revision is None
        values = edits.values() | {"expected_revision": expected_revision}
        written = self._change(shape, selected, build, values)
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
        return self._change("purge", selected, lambda scope: removal(scope, selected))

    def move(self, task_id: uuid.UUID, to: Destination) -> WriteResult:
        """Put at another place in the manual order. Raises NotFound and BadUserInput."""
        return move(self._statements, self._columns, task_id, to)

    def _mark(self, selected: TaskSelection, column: str, *, clears: bool = False) -> WriteResult:
        """Set an instant where there is none, or clear it where there is one."""

        def build(scope: ViewerScope) -> Select[Any]:
            is_set = TASKS.c[column].is_not(None)
            moment = null() if clears else func.now()
            when = is_set if clears else ~is_set
            return change(scope, selected, {column: moment}, when, self._columns)

        return self._change(("mark", column, clears), selected, build)

    def _change(
        self,
        kind: Hashable,
        selected: TaskSelection,
        build: Build,
        values: Mapping[str, Any] = NO_VALUES,
    ) -> WriteResult:
        shape = kind, selected.shape, self._columns
        answer = self._statements.write(shape, build, {**values, **selected.values()})
        return selected.check(written_by(answer))


def _at(expected_revision: int, written: WriteResult) -> WriteResult:
    """Raises Conflict when the task was not at the expected revision: then it has not changed."""
    (row,) = written.rows
    if not written.changed and row.revision != expected_revision:
        raise Conflict("The task has changed since.", currentRevision=row.revision)
    return written
