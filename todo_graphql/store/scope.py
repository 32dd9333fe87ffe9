"""The first wall: the parts that statements are made of, each for the viewer's rows only.

No statement on users, tasks and idempotency keys is made of anything else.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Executable,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_graphql.store.models import IDEMPOTENCY_KEYS, TASKS, USERS

Columns = Sequence[ColumnElement[Any]]

VIEWER = bindparam("viewer", type_=Uuid())
"""Who asks: the connection says so, and nobody else can (`ViewerConnection`)."""

EMAIL = bindparam("email", type_=Text())
"""Their address, as their token has it."""


class ViewerScope:
    """The viewer's rows.

    Whoever writes holds the lock on the viewer's row already (`ViewerConnection.write`), so
    what these parts read does not change before they write.
    """

    @cached_property
    def own_user(self) -> ColumnElement[bool]:
        """The viewer's own row."""
        return USERS.c.id == VIEWER

    @cached_property
    def own_tasks(self) -> ColumnElement[bool]:
        """The viewer's tasks."""
        return TASKS.c.user_id == VIEWER

    @cached_property
    def own_keys(self) -> ColumnElement[bool]:
        """The viewer's idempotency keys."""
        return IDEMPOTENCY_KEYS.c.user_id == VIEWER

    def user(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Read the viewer's own row."""
        return select(*columns).select_from(USERS).where(self.own_user)

    def removed_user(self) -> Executable:
        """Delete the viewer's own row, what refers to it, and the idempotency keys."""
        keys = delete_from(IDEMPOTENCY_KEYS).where(self.own_keys).cte("keys")
        return delete_from(USERS).where(self.own_user).returning(USERS.c.id).add_cte(keys)

    def tasks(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Read the viewer's tasks."""
        return select(*columns).select_from(TASKS).where(self.own_tasks)

    def keys(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Read the viewer's idempotency keys."""
        return select(*columns).select_from(IDEMPOTENCY_KEYS).where(self.own_keys)

    def next_revision(self, *, when: ColumnElement[bool]) -> CTE:
        """Take the viewer's next revision if something changes: one row, or none."""
        email = func.coalesce(EMAIL, USERS.c.email)
        return (
            update(USERS)
            .where(self.own_user, when)
            .values(revision=USERS.c.revision + 1, email=email)
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def current_revision(self) -> CTE:
        """The revision that an earlier statement of this transaction took."""
        return self.user(USERS.c.id, USERS.c.revision).cte("writer")

    def insert(
        self,
        writer: CTE,
        source: CTE,
        which: ColumnElement[bool],
        values: Mapping[str, Any],
        returning: Columns,
    ) -> CTE:
        """Insert a task for these rows of a source, with the writer's id and revision."""
        row = {**values, "user_id": writer.c.id, "revision": writer.c.revision}
        rows = select(*row.values()).select_from(source.join(writer, true())).where(which)
        return (
            insert(TASKS)
            .from_select([TASKS.c[name] for name in row], rows)
            .returning(*returning)
            .cte("inserted")
        )

    def update(
        self,
        which: ColumnElement[bool],
        writer: CTE,
        values: Mapping[str, Any],
        returning: Columns,
    ) -> CTE:
        """Set the values of some tasks, and their revision to the writer's."""
        return (
            update(TASKS)
            .where(self.own_tasks, which, TASKS.c.user_id == writer.c.id)
            .values(**values, updated_at=func.now(), revision=writer.c.revision)
            .returning(*returning)
            .cte("updated")
        )

    def delete(self, which: ColumnElement[bool], writer: CTE) -> CTE:
        """Delete some tasks."""
        return (
            delete_from(TASKS)
            .where(self.own_tasks, which, TASKS.c.user_id == writer.c.id)
            .returning(TASKS.c.id)
            .cte("deleted")
        )

    def end_rank(self, *, first: bool) -> ColumnElement[str]:
        """The rank, under the next revision, of what is put at the end, or at the start."""
        revision = self.user(USERS.c.revision + 1).scalar_subquery()
        return func.todo_rank(-revision if first else revision)

    def rebalance_ranks(self) -> Executable:
        """Write all ranks anew, evenly and in the same order. They are nobody's to see, so the
        tasks' revisions stay. Cursors in the manual order lose their place: it takes thousands
        of moves into one gap to get here.
        """
        order = func.row_number().over(order_by=[TASKS.c.rank, TASKS.c.id])
        numbered = self.tasks(TASKS.c.id, order.label("number")).cte("numbered")
        revision = self.user(func.todo_rank(USERS.c.revision)).scalar_subquery()
        rank = func.concat(revision, func.lpad(cast(numbered.c.number, Text), 10, "0"), "1")
        return (
            update(TASKS)
            .where(self.own_tasks, TASKS.c.id == numbered.c.id)
            .values(rank=rank)
            .returning(TASKS.c.id)
        )

    def save_idempotency_key(self, values: Mapping[str, Any]) -> Executable:
        """Keep the answer to an idempotency key."""
        new = upsert(IDEMPOTENCY_KEYS).values(user_id=VIEWER, **values)
        kept = {name: new.excluded[name] for name in values if name != "key"}
        return new.on_conflict_do_update(
            index_elements=[IDEMPOTENCY_KEYS.c.user_id, IDEMPOTENCY_KEYS.c.key],
            set_={**kept, "created_at": func.now()},
        ).returning(IDEMPOTENCY_KEYS.c.key)
