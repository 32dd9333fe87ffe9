"""Every task statement there is, and all of them say whose tasks they mean.

Each public method is one statement. A write locks the owner's row before it looks at a
task, so the writers of one user queue up and each reads what the one before left; then it
takes the next revision, and none when nothing changes.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from todo_graphql.errors import Conflict, NotFound
from todo_graphql.store.database import Viewer, ViewerConnection
from todo_graphql.store.filters import TaskFilter
from todo_graphql.store.models import TASKS, USERS
from todo_graphql.store.pagination import PageRequest
from todo_graphql.store.wire import identifier, moment

EVERYTHING_BUT_TRASH = TaskFilter()


class TaskRow(NamedTuple):
    """A task in the form in which it leaves: ids and RFC 3339 instants are text."""

    id: str
    title: str
    description: str | None
    completed_at: str | None
    created_at: str
    updated_at: str
    deleted_at: str | None
    revision: int


# The columns of a TaskRow, in its order.
WIRE: tuple[ColumnElement[Any], ...] = (
    identifier(TASKS.c.id),
    TASKS.c.title,
    TASKS.c.description,
    moment(TASKS.c.completed_at),
    moment(TASKS.c.created_at),
    moment(TASKS.c.updated_at),
    moment(TASKS.c.deleted_at),
    TASKS.c.revision,
)


class TaskPage(NamedTuple):
    """A page in the order of the list, whichever end it was counted from."""

    rows: Sequence[TaskRow]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to create. With an id of the client's, the same create may be sent again."""

    title: str
    description: str | None = None
    id: uuid.UUID | None = None

    def digest(self) -> bytes | None:
        """What tells this create from another one under the same id.

        Fields that were not given do not count, so that a field added to this class leaves
        the digests of older creates as they are.
        """
        if self.id is None:
            return None
        content = {"title": self.title, "description": self.description}
        given = {name: value for name, value in content.items() if value is not None}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).digest()


class Tasks:
    """The tasks of one viewer. Another user's task is not there: it reads, counts and fails
    exactly as one that never existed.
    """

    def __init__(self, connection: ViewerConnection, viewer: Viewer) -> None:
        self._connection = connection
        self._viewer = viewer
        self._is_mine = TASKS.c.user_id == viewer.id
        self._is_me = USERS.c.id == viewer.id

    def find(self, task_id: uuid.UUID) -> TaskRow | None:
        """The task, be it in the trash or not."""
        rows = self._connection.read(self._mine(*WIRE).where(TASKS.c.id == task_id))
        return TaskRow._make(rows[0]) if rows else None

    def count(self, which: TaskFilter) -> int:
        """How many tasks the whole list has."""
        statement = self._mine(func.count()).where(*which.conditions())
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
        # Empty only when the same id was created while this statement waited for its turn.
        # What the other one committed is there for the second look.
        rows = self._connection.write(self._creation(new)) or self._connection.write(
            self._creation(new)
        )
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
        return self._change(
            task_id, values, when=or_(false(), *differs), expected_revision=expected_revision
        )

    def complete(self, task_id: uuid.UUID) -> TaskRow:
        """Mark as done; a completed task stays as it is. Raises NotFound."""
        return self._change(
            task_id, {"completed_at": func.now()}, when=TASKS.c.completed_at.is_(None)
        )

    def reopen(self, task_id: uuid.UUID) -> TaskRow:
        """Mark as not done; an open task stays as it is. Raises NotFound."""
        return self._change(task_id, {"completed_at": None}, when=TASKS.c.completed_at.is_not(None))

    def delete(self, task_id: uuid.UUID) -> TaskRow:
        """Move to the trash; a task that is there stays as it is. Raises NotFound."""
        return self._change(task_id, {"deleted_at": func.now()}, when=TASKS.c.deleted_at.is_(None))

    def restore(self, task_id: uuid.UUID) -> TaskRow:
        """Bring back from the trash; any other task stays as it is. Raises NotFound."""
        return self._change(task_id, {"deleted_at": None}, when=TASKS.c.deleted_at.is_not(None))

    def purge(self, task_id: uuid.UUID) -> None:
        """Remove for good, from the trash or not. Raises NotFound."""
        target = self._lock(task_id, when=true())
        writer = self._take_revision(target)
        purged = (
            delete(TASKS)
            .where(self._is_mine, TASKS.c.id == task_id, TASKS.c.user_id == writer.c.id)
            .returning(TASKS.c.id)
            .cte("purged")
        )
        if not self._connection.write(select(purged.c.id)):
            raise no_such_task()

    def _mine(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """What every statement begins with: the viewer's rows and no others."""
        return select(*columns).select_from(TASKS).where(self._is_mine)

    def _page(self, which: TaskFilter, request: PageRequest) -> Select[Any]:
        """One more row than the page, to see whether there are more, beside one flag: whether
        the other side of the cursor holds any. The flag comes even when the page is empty.
        """
        order = request.order()
        place = func.row_number().over(order_by=order).label("place")
        page = (
            self._mine(*WIRE, place)
            .where(*which.conditions(), *request.conditions())
            .order_by(*order)
            .limit(request.size + 1)
            .subquery("page")
        )
        left_behind = request.left_behind()
        any_left: ColumnElement[bool] = false()
        if left_behind is not None:
            # Not EXISTS, for which PostgreSQL ignores the order, and of many rows would rather
            # look through all than go straight to the nearest.
            others = self._mine(TASKS.c.id).where(*which.conditions(), left_behind)
            nearest = others.order_by(*request.order_behind()).limit(1)
            any_left = nearest.scalar_subquery().is_not(None)
        behind = select(any_left.label("any_left")).subquery("behind")
        return (
            select(behind.c.any_left, *(page.c[column.name] for column in WIRE))
            .select_from(behind.outerjoin(page, true()))
            .order_by(page.c.place)
        )

    def _creation(self, new: NewTask) -> Select[Any]:
        task_id = new.id or uuid.uuid4()
        existing = self._mine(*WIRE, TASKS.c.creation_digest).where(TASKS.c.id == task_id)
        existing_task = existing.cte("existing")
        writer = self._first_or_next_revision(unless=existing_task)
        row = {
            TASKS.c.user_id: writer.c.id,
            TASKS.c.id: literal(task_id, Uuid),
            TASKS.c.title: literal(new.title, Text),
            TASKS.c.description: literal(new.description, Text),
            TASKS.c.creation_digest: literal(new.digest(), TASKS.c.creation_digest.type),
            TASKS.c.revision: writer.c.revision,
        }
        created = (
            insert(TASKS)
            .from_select(list(row), select(*row.values()))
            .on_conflict_do_nothing(index_elements=[TASKS.c.user_id, TASKS.c.id])
            .returning(*WIRE, TASKS.c.creation_digest)
            .cte("created")
        )
        return select(created).union_all(select(existing_task))  # type: ignore[return-value]

    def _first_or_next_revision(self, unless: CTE) -> CTE:
        """Make the user's row, or lock it and count on, unless the task is there already."""
        me = select(
            literal(self._viewer.id, Uuid), literal(self._viewer.email, Text), literal(1)
        ).where(~exists(select(unless.c.id)))
        new = insert(USERS).from_select([USERS.c.id, USERS.c.email, USERS.c.revision], me)
        return (
            new.on_conflict_do_update(index_elements=[USERS.c.id], set_=self._next_revision())
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def _next_revision(self) -> dict[str, ColumnElement[Any]]:
        return {
            "revision": USERS.c.revision + 1,
            "email": func.coalesce(literal(self._viewer.email, Text), USERS.c.email),
        }

    def _lock(self, task_id: uuid.UUID, when: ColumnElement[bool]) -> CTE:
        """The task as the last writer left it, with `changes`: whether this write is one.

        The owner's row is locked first, always in this order, so writers never deadlock.
        """
        owner = select(USERS.c.id).where(self._is_me).with_for_update(key_share=True).cte("owner")
        return (
            self._mine(*WIRE, TASKS.c.user_id, when.label("changes"))
            .join(owner, owner.c.id == TASKS.c.user_id)
            .where(TASKS.c.id == task_id)
            .with_for_update(of=TASKS, key_share=True)
            .cte("target")
        )

    def _take_revision(self, target: CTE) -> CTE:
        return (
            update(USERS)
            .where(self._is_me, USERS.c.id == target.c.user_id, target.c.changes)
            .values(self._next_revision())
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def _change(
        self,
        task_id: uuid.UUID,
        values: Mapping[str, Any],
        *,
        when: ColumnElement[bool],
        expected_revision: int | None = None,
    ) -> TaskRow:
        """Set the values where `when` holds; answer the task as it is afterwards."""
        expected = true() if expected_revision is None else TASKS.c.revision == expected_revision
        target = self._lock(task_id, and_(when, expected))
        writer = self._take_revision(target)
        touched = (
            update(TASKS)
            .where(self._is_mine, TASKS.c.id == task_id, TASKS.c.user_id == writer.c.id)
            .values(**values, updated_at=func.now(), revision=writer.c.revision)
            .returning(*WIRE)
            .cte("touched")
        )
        untouched = select(false(), *_wire_of(target)).where(~exists(select(touched.c.id)))
        rows = self._connection.write(union_all(select(true(), *_wire_of(touched)), untouched))
        if not rows:
            raise no_such_task()
        changed, row = rows[0][0], TaskRow._make(rows[0][1:])
        if not changed and expected_revision not in (None, row.revision):
            raise Conflict("The task has changed since.", currentRevision=row.revision)
        return row


def _wire_of(result: CTE) -> list[ColumnElement[Any]]:
    return [result.c[column.name] for column in WIRE]


def no_such_task() -> NotFound:
    """One sentence for a task that never was, that is gone, and that is someone else's."""
    return NotFound("There is no such task.")
