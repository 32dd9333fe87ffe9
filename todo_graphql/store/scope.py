"""Statement scoping: statement parts that are restricted to the viewer's rows.

Every statement on users, tasks and idempotency keys is composed of these parts.
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
"""The viewer's id. `ViewerConnection` sets it, and overrides a value from elsewhere."""

EMAIL = bindparam("email", type_=Text())
"""The viewer's email from the token."""


class ViewerScope:
    """Statement parts for the viewer's rows.

    `ViewerConnection.write` locks the viewer's row first, so the rows that a write reads do not
    change before it ends.
    """

    @cached_property
    def own_user(self) -> ColumnElement[bool]:
        """Owner predicate of `users`."""
        return USERS.c.id == VIEWER

    @cached_property
    def own_tasks(self) -> ColumnElement[bool]:
        """Owner predicate of `tasks`."""
        return TASKS.c.user_id == VIEWER

    @cached_property
    def own_keys(self) -> ColumnElement[bool]:
        """Owner predicate of `idempotency_keys`."""
        return IDEMPOTENCY_KEYS.c.user_id == VIEWER

    def user(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's own row."""
        return select(*columns).select_from(USERS).where(self.own_user)

    def delete_user(self) -> Executable:
        """Delete the viewer's own row, all tasks (by cascade) and all idempotency keys."""
        keys = delete_from(IDEMPOTENCY_KEYS).where(self.own_keys).cte("keys")
        return delete_from(USERS).where(self.own_user).returning(USERS.c.id).add_cte(keys)

    def tasks(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's tasks."""
        return select(*columns).select_from(TASKS).where(self.own_tasks)

    def keys(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's idempotency keys."""
        return select(*columns).select_from(IDEMPOTENCY_KEYS).where(self.own_keys)

    def next_revision(self, *, when: ColumnElement[bool]) -> CTE:
        """Take the viewer's next revision and return one row; no row unless `when` is true."""
        email = func.coalesce(EMAIL, USERS.c.email)
        return (
            update(USERS)
            .where(self.own_user, when)
            .values(revision=USERS.c.revision + 1, email=email)
            .returning(USERS.c.id, USERS.c.revision)
            .cte("writer")
        )

    def current_revision(self) -> CTE:
        """Return the revision that an earlier statement of this transaction took."""
        return self.user(USERS.c.id, USERS.c.revision).cte("writer")

    def insert(
        self,
        writer: CTE,
        source: CTE,
        which: ColumnElement[bool],
        values: Mapping[str, Any],
        returning: Columns,
    ) -> CTE:
        """Insert a task for each matching row of a source, with the writer's id and revision."""
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
        """Set values of the matching tasks, and their revision to the writer's."""
        return (
            update(TASKS)
            .where(self.own_tasks, which, TASKS.c.user_id == writer.c.id)
            .values(**values, updated_at=func.now(), revision=writer.c.revision)
            .returning(*returning)
            .cte("updated")
        )

    def delete(self, which: ColumnElement[bool], writer: CTE) -> CTE:
        """Delete the matching tasks."""
        return (
            delete_from(TASKS)
            .where(self.own_tasks, which, TASKS.c.user_id == writer.c.id)
            .returning(TASKS.c.id)
            .cte("deleted")
        )

    def end_rank(self, *, first: bool) -> ColumnElement[str]:
        """Compute the rank, at the next revision, of the first or the last place in the order."""
        revision = self.user(USERS.c.revision + 1).scalar_subquery()
        return func.todo_rank(-revision if first else revision)

    def rebalance_ranks(self) -> Executable:
        """Rewrite all ranks in the same order with even gaps.

        Clients do not see ranks, so the revisions of the tasks remain. Cursors in the manual
        order become imprecise; a rebalance takes thousands of moves into one gap.
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
        """Store the response of an idempotency key."""
        new = upsert(IDEMPOTENCY_KEYS).values(user_id=VIEWER, **values)
        kept = {name: new.excluded[name] for name in values if name != "key"}
        return new.on_conflict_do_update(
            index_elements=[IDEMPOTENCY_KEYS.c.user_id, IDEMPOTENCY_KEYS.c.key],
            set_={**kept, "created_at": func.now()},
        ).returning(IDEMPOTENCY_KEYS.c.key)
