"""What can be done with tasks: each method is one statement, but for `move` and the two of
whole lists, `everything` and `bring_back`.
"""

import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, false, func, or_, true

from todo_graphql.errors import Conflict
from todo_graphql.store.changes import Selected, Written, change, removal, written_by
from todo_graphql.store.creation import created_by, creation
from todo_graphql.store.database import Viewer, ViewerConnection
from todo_graphql.store.edits import Edits
from todo_graphql.store.exports import everything
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.imports import Imported, bring_back
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS
from todo_graphql.store.moves import Destination, move
from todo_graphql.store.overview import (
    Overview,
    TagCount,
    overview_of,
    overview_statement,
    tag_counts,
    tags_statement,
)
from todo_graphql.store.pages import TaskPage, page_of, page_statement
from todo_graphql.store.pagination import PageRequest
from todo_graphql.store.prepared import STATEMENTS
from todo_graphql.store.rows import WIRE, NewTask, TaskRow


def _finding(mine: Mine) -> Select[Any]:
    return mine.tasks(*WIRE).where(TASKS.c.id == bindparam("task_id", type_=Uuid()))


class Tasks:
    """The tasks of one viewer. Another user's task is not there: it reads, counts and fails
    exactly as one that never existed.

    Each write takes the user's next revision and stamps it on what it touched; one that
    changes nothing takes none. Those of several tasks do all or nothing.
    """

    def __init__(self, connection: ViewerConnection, viewer: Viewer) -> None:
        self._connection = connection
        self._viewer = viewer
        self._mine = Mine(viewer)

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        """The task, be it in the trash or not."""
        rows = self._read("find", _finding, {"task_id": task_id})
        return TaskRow._make(rows[0]) if rows else None

    def count(self, which: TaskFilter) -> int:
        """How many tasks the whole list has."""
        statement = self._mine.tasks(func.count()).where(*which.conditions())
        return int(self._connection.read(statement)[0][0])

    def page(self, request: PageRequest) -> TaskPage:
        """A page of a list."""
        shape = request.shape
        if shape is None:
            return page_of(self._connection.read(page_statement(self._mine, request)), request)
        parametric = request.parametric()

        def build(mine: Mine) -> Select[Any]:
            return page_statement(mine, parametric)

        return page_of(self._read(shape, build, request.values()), request)

    def everything(self) -> Iterator[list[TaskRow]]:
        """All tasks, those in the trash included, in the manual order: page by page, each read
        when it is asked for.
        """
        return everything(self._connection, self._mine)

    def overview(self, zone: str) -> Overview:
        """Counts of what a home screen shows. `zone` is a known one of the IANA database."""
        return overview_of(self._connection.read(overview_statement(self._mine, zone)))

    def tags(self) -> list[TagCount]:
        """All tags in use, in the order of the alphabet."""
        return tag_counts(self._connection.read(tags_statement(self._mine)))

    def create(self, new: Sequence[NewTask], fields: Sequence[str]) -> Written:
        """Create tasks, and the user's row with their first ones.

        Under an id that is in use nothing is created: the same create answers the task as it
        is now, another one raises Conflict with its one of the `fields`.
        """
        statement = creation(self._mine, new)
        return created_by(self._connection.write(statement, appear=True), fields)

    def bring_back(self, tasks: Iterable[NewTask]) -> Imported:
        """Create all whose id is not in use, at the end of the manual order, or, when taking one
        from the iterable raises, none. Those in use stay as they are.
        """
        return bring_back(self._connection, self._mine, tasks)

    def update(
        self, selected: Selected, edits: Edits, *, expected_revision: int | None = None
    ) -> Written:
        """Change what the edits name. Values that are there already are no change.

        Raises NotFound; Conflict when a task is not at `expected_revision`.
        """
        expected = true() if expected_revision is None else TASKS.c.revision == expected_revision
        differs = or_(false(), *edits.differences())
        written = self._change(selected, edits.values(), and_(differs, expected))
        return written if expected_revision is None else _at(expected_revision, written)

    def complete(self, selected: Selected) -> Written:
        """Mark as done; a completed task stays as it is. Raises NotFound."""
        return self._mark(selected, "completed_at", func.now())

    def reopen(self, selected: Selected) -> Written:
        """Mark as not done; an open task stays as it is. Raises NotFound."""
        return self._mark(selected, "completed_at", None)

    def delete(self, selected: Selected) -> Written:
        """Move to the trash; a task that is there stays as it is. Raises NotFound."""
        return self._mark(selected, "deleted_at", func.now())

    def restore(self, selected: Selected) -> Written:
        """Bring back from the trash; any other task stays as it is. Raises NotFound."""
        return self._mark(selected, "deleted_at", None)

    def purge(self, selected: Selected) -> Written:
        """Remove for good, from the trash or not. Raises NotFound."""
        statement = removal(self._mine, selected)
        return selected.check(written_by(self._connection.write(statement)))

    def move(self, task_id: uuid.UUID, to: Destination) -> Written:
        """Put at another place in the manual order. Raises NotFound and BadUserInput."""
        return move(self._connection, self._mine, task_id, to)

    def _read(
        self, shape: Hashable, build: Callable[[Mine], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Sequence[Any]]:
        """Run a statement that may have been built before, for the same shape."""
        return STATEMENTS.read(self._connection, self._mine, self._viewer, shape, build, values)

    def _mark(self, selected: Selected, column: str, moment: ColumnElement[Any] | None) -> Written:
        """Set an instant where there is none, or clear it where there is one."""
        is_open = TASKS.c[column].is_(None)
        return self._change(selected, {column: moment}, ~is_open if moment is None else is_open)

    def _change(
        self, selected: Selected, values: dict[str, Any], when: ColumnElement[bool]
    ) -> Written:
        statement = change(self._mine, selected, values, when)
        return selected.check(written_by(self._connection.write(statement)))


def _at(expected_revision: int, written: Written) -> Written:
    """Raises Conflict when the task was not at the expected revision: then it has not changed."""
    (row,) = written.rows
    if not written.changed and row.revision != expected_revision:
        raise Conflict("The task has changed since.", currentRevision=row.revision)
    return written
