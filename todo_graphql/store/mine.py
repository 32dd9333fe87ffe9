"""The first wall: the parts that statements are made of, each for one viewer's rows only.

No statement on users or tasks is made of anything else.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, Text, Uuid, exists, func, literal, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert

from todo_graphql.store.database import Viewer
from todo_graphql.store.models import TASKS, USERS

Columns = Sequence[ColumnElement[Any]]


class Mine:
    """The viewer's rows.

    A write locks the user's row before it looks at a task, always in this order: writers of
    one user queue up without deadlocks, and each reads what the one before has left.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.is_me: ColumnElement[bool] = USERS.c.id == viewer.id
        self.is_mine: ColumnElement[bool] = TASKS.c.user_id == viewer.id

    def user(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Read the viewer's own row."""
        return select(*columns).select_from(USERS).where(self.is_me)

    def tasks(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Read the viewer's tasks."""
        return select(*columns).select_from(TASKS).where(self.is_mine)

    def locked(self, task_id: uuid.UUID, columns: Columns, *, when: ColumnElement[bool]) -> CTE:
        """A task as the last writer has left it, with `changes`: whether `when` holds for it."""
        owner = self.user(USERS.c.id).with_for_update(key_share=True).cte("owner")
        return (
            self.tasks(*columns, TASKS.c.user_id, when.label("changes"))
            .join(owner, owner.c.id == TASKS.c.user_id)
            .where(TASKS.c.id == task_id)
            .with_for_update(of=TASKS, key_share=True)
            .cte("target")
        )

    def next_revision(self, target: CTE) -> CTE:
        """Take the user's next revision if the locked task changes: one row, or none."""
        return (
            update(USERS)
            .where(self.is_me, USERS.c.id == target.c.user_id, target.c.changes)
            .values(self._counted_on())
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def first_or_next_revision(self, *, unless: CTE) -> CTE:
        """The same for a task that is new: make the user's row with the first one."""
        me = select(
            literal(self._viewer.id, Uuid), literal(self._viewer.email, Text), literal(1)
        ).where(~exists(select(unless.c.id)))
        new = insert(USERS).from_select([USERS.c.id, USERS.c.email, USERS.c.revision], me)
        return (
            new.on_conflict_do_update(index_elements=[USERS.c.id], set_=self._counted_on())
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def insert(self, writer: CTE, values: Mapping[str, Any], returning: Columns) -> CTE:
        """Insert a task for the writer. An id that is in use inserts nothing."""
        row = {"user_id": writer.c.id, "revision": writer.c.revision}
        row |= {name: literal(value, TASKS.c[name].type) for name, value in values.items()}
        return (
            insert(TASKS)
            .from_select([TASKS.c[name] for name in row], select(*row.values()))
            .on_conflict_do_nothing(index_elements=[TASKS.c.user_id, TASKS.c.id])
            .returning(*returning)
            .cte("inserted")
        )

    def update(
        self, task_id: uuid.UUID, writer: CTE, values: Mapping[str, Any], returning: Columns
    ) -> CTE:
        """Set the values of a task, and its revision to the writer's."""
        return (
            update(TASKS)
            .where(self.is_mine, TASKS.c.id == task_id, TASKS.c.user_id == writer.c.id)
            .values(**values, updated_at=func.now(), revision=writer.c.revision)
            .returning(*returning)
            .cte("updated")
        )

    def delete(self, task_id: uuid.UUID, writer: CTE) -> CTE:
        """Delete a task."""
        return (
            delete_from(TASKS)
            .where(self.is_mine, TASKS.c.id == task_id, TASKS.c.user_id == writer.c.id)
            .returning(TASKS.c.id)
            .cte("deleted")
        )

    def _counted_on(self) -> dict[str, ColumnElement[Any]]:
        return {
            "revision": USERS.c.revision + 1,
            "email": func.coalesce(literal(self._viewer.email, Text), USERS.c.email),
        }
