"""What can be done with tasks: each method is one statement."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Select,
    Subquery,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from todo_graphql.errors import Conflict, NotFound
from todo_graphql.store.database import Viewer, ViewerConnection
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.mine import Mine
from todo_graphql.store.models import TASKS
from todo_graphql.store.pagination import PageRequest
from todo_graphql.store.rows import WIRE, NewTask, TaskRow


class TaskPage(NamedTuple):
    """A page in the order of the list, whichever end it was counted from."""

    rows: Sequence[TaskRow]
    has_next: bool
    has_previous: bool


class Tasks:
    """The tasks of one viewer. Another user's task is not there: it reads, counts and fails
    exactly as one that never existed.

    Each write takes the user's next revision and stamps it on what it touched; one that
    changes nothing takes none.
    """

    def __init__(self, connection: ViewerConnection, viewer: Viewer) -> None:
        self._connection = connection
        self._mine = Mine(viewer)

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        """The task, be it in the trash or not."""
        rows = self._connection.read(self._mine.tasks(*WIRE).where(TASKS.c.id == task_id))
        return TaskRow._make(rows[0]) if rows else None

    def count(self, which: TaskFilter) -> int:
        """How many tasks the whole list has."""
        statement = self._mine.tasks(func.count()).where(*which.conditions())
        return int(self._connection.read(statement)[0][0])

    def page(self, which: TaskFilter, request: PageRequest) -> TaskPage:
        """A page of the list, newest first."""
        answer = self._connection.read(self._page(which, request))
        behind = bool(answer[0].any_left)
        rows = [TaskRow._make(row[1:]) for row in answer if row.id is not None]
        more, rows = len(rows) > request.size, rows[: request.size]
        if request.backward:
            return TaskPage(rows[::-1], has_next=behind, has_previous=more)
        return TaskPage(rows, has_next=more, has_previous=behind)

    def create(self, new: NewTask) -> TaskRow:
        """Create a task, and the user's row with their first one.

        Under an id that is in use nothing is created: the same create answers the task as it
        is now, another one raises Conflict.
        """
        statement = self._creation(new, new.id or uuid.uuid4())
        # Empty only when the same id was created while this statement waited for its turn.
        # What the other one committed is there for the second look.
        rows = self._connection.write(statement) or self._connection.write(statement)
        if rows[0].creation_digest != new.digest():
            raise Conflict("This id is in use by another task of yours.", field="input.id")
        return TaskRow._make(rows[0][:-1])

    def update(
        self,
        task_id: uuid.UUID,
        values: Mapping[str, str | None],
        *,
        expected_revision: int | None = None,
    ) -> TaskRow:
        """Change the named columns. Values that are there already are no change.

        Raises NotFound; Conflict when the task is not at `expected_revision`.
        """
        differs = [TASKS.c[name].is_distinct_from(value) for name, value in values.items()]
        expected = true() if expected_revision is None else TASKS.c.revision == expected_revision
        row, changed = self._change(task_id, values, and_(or_(false(), *differs), expected))
        if not changed and expected_revision not in (None, row.revision):
            raise Conflict("The task has changed since.", currentRevision=row.revision)
        return row

    def complete(self, task_id: uuid.UUID) -> TaskRow:
        """Mark as done; a completed task stays as it is. Raises NotFound."""
        return self._mark(task_id, "completed_at", func.now())

    def reopen(self, task_id: uuid.UUID) -> TaskRow:
        """Mark as not done; an open task stays as it is. Raises NotFound."""
        return self._mark(task_id, "completed_at", None)

    def delete(self, task_id: uuid.UUID) -> TaskRow:
        """Move to the trash; a task that is there stays as it is. Raises NotFound."""
        return self._mark(task_id, "deleted_at", func.now())

    def restore(self, task_id: uuid.UUID) -> TaskRow:
        """Bring back from the trash; any other task stays as it is. Raises NotFound."""
        return self._mark(task_id, "deleted_at", None)

    def purge(self, task_id: uuid.UUID) -> None:
        """Remove for good, from the trash or not. Raises NotFound."""
        target = self._mine.locked(task_id, [TASKS.c.id], when=true())
        deleted = self._mine.delete(task_id, self._mine.next_revision(target))
        if not self._connection.write(select(deleted.c.id)):
            raise no_such_task()

    def _mark(self, task_id: uuid.UUID, column: str, moment: ColumnElement[Any] | None) -> TaskRow:
        """Set an instant where there is none, or clear it where there is one."""
        is_open = TASKS.c[column].is_(None)
        row, _ = self._change(task_id, {column: moment}, ~is_open if moment is None else is_open)
        return row

    def _change(
        self, task_id: uuid.UUID, values: Mapping[str, Any], when: ColumnElement[bool]
    ) -> tuple[TaskRow, bool]:
        """Set the values where `when` holds. Answers the task as it is then, and whether this
        has changed it.
        """
        target = self._mine.locked(task_id, WIRE, when=when)
        updated = self._mine.update(task_id, self._mine.next_revision(target), values, WIRE)
        unchanged = select(false(), *_wire_of(target)).where(~exists(select(updated.c.id)))
        rows = self._connection.write(union_all(select(true(), *_wire_of(updated)), unchanged))
        if not rows:
            raise no_such_task()
        return TaskRow._make(rows[0][1:]), rows[0][0]

    def _creation(self, new: NewTask, task_id: uuid.UUID) -> CompoundSelect[Any]:
        columns = [*WIRE, TASKS.c.creation_digest]
        existing = self._mine.tasks(*columns).where(TASKS.c.id == task_id).cte("existing")
        values = {
            "id": task_id,
            "title": new.title,
            "description": new.description,
            "creation_digest": new.digest(),
        }
        writer = self._mine.first_or_next_revision(unless=existing)
        return union_all(select(self._mine.insert(writer, values, columns)), select(existing))

    def _page(self, which: TaskFilter, request: PageRequest) -> Select[Any]:
        """One more row than the page, to see whether there are more, beside one flag: whether
        the other side of the cursor holds any. The flag comes even when the page is empty.
        """
        order = request.order()
        place = func.row_number().over(order_by=order).label("place")
        page = (
            self._mine.tasks(*WIRE, place)
            .where(*which.conditions(), *request.conditions())
            .order_by(*order)
            .limit(request.size + 1)
            .subquery("page")
        )
        behind = select(self._any_left(which, request).label("any_left")).subquery("behind")
        return (
            select(behind.c.any_left, *_wire_of(page))
            .select_from(behind.outerjoin(page, true()))
            .order_by(page.c.place)
        )

    def _any_left(self, which: TaskFilter, request: PageRequest) -> ColumnElement[bool]:
        left_behind = request.left_behind()
        if left_behind is None:
            return false()
        # Not EXISTS, for which PostgreSQL ignores the order, and of many rows would rather
        # look through all than go straight to the nearest.
        others = self._mine.tasks(TASKS.c.id).where(*which.conditions(), left_behind)
        nearest = others.order_by(*request.order_behind()).limit(1)
        return nearest.scalar_subquery().is_not(None)


def _wire_of(result: CTE | Subquery) -> list[ColumnElement[Any]]:
    return [result.c[column.name] for column in WIRE]


def no_such_task() -> NotFound:
    """One sentence for a task that never was, that is gone, and that is someone else's."""
    return NotFound("There is no such task.")
