"""Statement scoping: statement parts that are restricted to the viewer's rows.

Every statement on users, tasks and idempotency keys is composed of these parts.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Executable,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_graphql.store.models import IDEMPOTENCY_KEYS, TASKS, TOMBSTONES, USERS
from todo_graphql.store.quota import BYTES, BYTES_LIMIT, TASKS_LIMIT, Growth, count_bytes
from todo_graphql.store.ranks import rank_of
from todo_graphql.store.stamps import WRITTEN_AT, last_stamp

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

    @cached_property
    def own_tombstones(self) -> ColumnElement[bool]:
        """Owner predicate of `tombstones`."""
        return TOMBSTONES.c.user_id == VIEWER

    def user(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's own row."""
        return select(*columns).select_from(USERS).where(self.own_user)

    def delete_user(self) -> Executable:
        """Delete the viewer's own row, all tasks (by cascade) and all stored idempotency keys."""
        keys = delete_from(IDEMPOTENCY_KEYS).where(self.own_keys).cte("keys")
        return delete_from(USERS).where(self.own_user).returning(USERS.c.id).add_cte(keys)

    def tasks(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's tasks."""
        return select(*columns).select_from(TASKS).where(self.own_tasks)

    def tombstones(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the tombstones of the viewer's tasks."""
        return select(*columns).select_from(TOMBSTONES).where(self.own_tombstones)

    def keys(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Select from the viewer's idempotency keys."""
        return select(*columns).select_from(IDEMPOTENCY_KEYS).where(self.own_keys)

    def next_revision(
        self,
        *,
        when: ColumnElement[bool],
        growth: Growth | None = None,
        stamps: ColumnElement[int] | None = None,
        forgotten: ColumnElement[int] | None = None,
    ) -> CTE:
        """Take the viewer's next revision, and one or more stamps.

        Returns one row, and no row unless `when` is true. `forgotten` is the greatest revision of
        the tombstones that are deleted.
        """
        values: dict[str, Any] = {
            "revision": USERS.c.revision + 1,
            # Exact counters remain exact, and others remain invalid.
            "counted_revision": USERS.c.counted_revision + 1,
            "email": func.coalesce(EMAIL, USERS.c.email),
        }
        if forgotten is not None:
            values["forgotten_revision"] = func.greatest(USERS.c.forgotten_revision, forgotten)
        return self._writer(when, growth, stamps, values)

    def same_revision(
        self,
        *,
        when: ColumnElement[bool],
        growth: Growth | None = None,
        stamps: ColumnElement[int] | None = None,
    ) -> CTE:
        """Return the revision that an earlier statement of this transaction took.

        Takes further stamps. Returns no row unless `when` is true.
        """
        return self._writer(when, growth, stamps, {})

    def _writer(
        self,
        when: ColumnElement[bool],
        growth: Growth | None,
        stamps: ColumnElement[int] | None,
        values: dict[str, Any],
    ) -> CTE:
        values["written_at"] = last_stamp(stamps)
        if growth is not None and growth.tasks is not None:
            values["task_count"] = USERS.c.task_count + growth.tasks
        if growth is not None:
            values["task_bytes"] = USERS.c.task_bytes + growth.bytes
        return (
            update(USERS)
            .where(self.own_user, when)
            .values(**values)
            .returning(USERS.c.id, USERS.c.revision, USERS.c.written_at)
            .cte("writer")
        )

    def within_quota(self, growth: Growth) -> ColumnElement[bool]:
        """Return whether the growth exceeds no limit by exact counters.

        An update that adds no bytes is always within the quota.
        """
        exact = USERS.c.counted_revision == USERS.c.revision
        free = case((exact, func.greatest(BYTES_LIMIT - USERS.c.task_bytes, 0)), else_=0)
        if growth.tasks is None:
            return growth.bytes <= free
        return and_(growth.bytes <= free, growth.tasks <= TASKS_LIMIT - USERS.c.task_count)

    def storage(self) -> Select[Any]:
        """Select the viewer's counters, and whether they are exact."""
        exact = USERS.c.counted_revision == USERS.c.revision
        return self.user(USERS.c.task_count, USERS.c.task_bytes, exact)

    def counted_storage(self) -> Select[Any]:
        """Count the viewer's tasks and their bytes."""
        size = func.sum(count_bytes({name: TASKS.c[name] for name in BYTES}))
        return self.tasks(func.count().label("tasks"), func.coalesce(size, 0).label("bytes"))

    def recount_storage(self) -> Executable:
        """Correct the viewer's counters, and return them."""
        counted = self.counted_storage().cte("counted")
        return (
            update(USERS)
            .where(self.own_user)
            .values(
                task_count=counted.c.tasks,
                task_bytes=counted.c.bytes,
                counted_revision=USERS.c.revision,
            )
            .returning(USERS.c.task_count, USERS.c.task_bytes)
        )

    def insert(
        self,
        writer: CTE,
        source: CTE,
        which: ColumnElement[bool],
        values: Mapping[str, Any],
        returning: Columns,
    ) -> CTE:
        """Insert a task for each matching row of a source, with the writer's id and revision."""
        rows = select().select_from(source.join(writer, true())).where(which)
        return self._inserted(writer, rows, values, returning)

    def insert_one(self, writer: CTE, values: Mapping[str, Any], returning: Columns) -> CTE:
        """Insert a task with the writer's id and revision."""
        return self._inserted(writer, select().select_from(writer), values, returning)

    def _inserted(
        self, writer: CTE, rows: Select[Any], values: Mapping[str, Any], returning: Columns
    ) -> CTE:
        row = {**values, "user_id": writer.c.id, "revision": writer.c.revision}
        return (
            insert(TASKS)
            .from_select([TASKS.c[name] for name in row], rows.add_columns(*row.values()))
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
            .values(**values, updated_at=WRITTEN_AT, revision=writer.c.revision)
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

    def insert_tombstones(self, deleted: CTE, writer: CTE, *, when: ColumnElement[bool]) -> CTE:
        """Insert a tombstone with the writer's revision for each deleted task."""
        columns = [TOMBSTONES.c.user_id, TOMBSTONES.c.task_id, TOMBSTONES.c.revision]
        rows = select(writer.c.id, deleted.c.id, writer.c.revision)
        rows = rows.join_from(deleted, writer, true()).where(when)
        new = upsert(TOMBSTONES).from_select(columns, rows)
        return (
            new.on_conflict_do_update(
                index_elements=[TOMBSTONES.c.user_id, TOMBSTONES.c.task_id],
                # Citus refuses now() here.
                set_={name: new.excluded[name] for name in ("revision", "created_at")},
            )
            .returning(TOMBSTONES.c.task_id)
            .cte("new_tombstones")
        )

    def tasks_or_tombstones(
        self,
        tasks: ColumnElement[bool],
        tombstones: ColumnElement[bool],
        columns: Columns,
    ) -> CompoundSelect[Any]:
        """Select tasks, and for tombstones rows that have the id and the revision alone."""
        kept = {"id": TOMBSTONES.c.task_id, "revision": TOMBSTONES.c.revision}
        alone = [kept.get(column.name, null()).label(column.name) for column in columns]
        return union_all(
            self.tasks(*columns).where(tasks), self.tombstones(*alone).where(tombstones)
        )

    def oldest_tombstones(self, *, beyond: ColumnElement[int]) -> CTE:
        """Select the ids and revisions of all tombstones except so many of the newest ones."""
        columns = TOMBSTONES.c.task_id.label("id"), TOMBSTONES.c.revision
        order = TOMBSTONES.c.revision.desc(), TOMBSTONES.c.task_id.desc()
        return self.tombstones(*columns).order_by(*order).offset(beyond).cte("oldest")

    def delete_tombstones(self, tasks: CTE) -> CTE:
        """Delete the tombstones of these tasks."""
        return (
            delete_from(TOMBSTONES)
            .where(self.own_tombstones, TOMBSTONES.c.task_id.in_(select(tasks.c.id)))
            .returning(TOMBSTONES.c.task_id)
            .cte("old_tombstones")
        )

    def end_rank(self, *, first: bool) -> ColumnElement[str]:
        """Compute the rank, at the next revision, of the first or the last place in the order."""
        revision = self.user(USERS.c.revision + 1).scalar_subquery()
        return rank_of(-revision if first else revision)

    def rebalance_ranks(self) -> Executable:
        """Rewrite all ranks in the same order with even gaps, under the viewer's next revision.

        Cursors in the manual order become imprecise; a rebalance takes thousands of moves into one
        gap.
        """
        order = func.row_number().over(order_by=[TASKS.c.rank, TASKS.c.id])
        numbered = self.tasks(TASKS.c.id, order.label("number")).cte("numbered")
        writer = self.next_revision(when=true())
        # Not concat, which is STABLE: Citus refuses such functions of columns in an UPDATE.
        number = func.lpad(cast(numbered.c.number, Text), 10, "0")
        rank = rank_of(writer.c.revision).concat(number).concat("1")
        return (
            update(TASKS)
            .where(self.own_tasks, TASKS.c.id == numbered.c.id, TASKS.c.user_id == writer.c.id)
            .values(rank=rank, revision=writer.c.revision)
            .returning(TASKS.c.id)
        )

    def key_usage(self) -> Select[Any]:
        """Count the viewer's idempotency keys and the bytes of their responses."""
        size = func.coalesce(func.sum(func.octet_length(IDEMPOTENCY_KEYS.c.answer)), 0)
        return self.keys(func.count().label("number"), size.label("bytes"))

    def delete_keys(self, which: ColumnElement[bool]) -> Executable:
        """Delete the matching idempotency keys."""
        keys = delete_from(IDEMPOTENCY_KEYS).where(self.own_keys, which)
        return keys.returning(IDEMPOTENCY_KEYS.c.key)

    def save_idempotency_key(
        self, values: Mapping[str, Any], *, max_keys: int, max_bytes: int
    ) -> Executable:
        """Store the response of an idempotency key, unless it exceeds a limit."""
        columns = IDEMPOTENCY_KEYS.c
        casts = [cast(value, columns[name].type).label(name) for name, value in values.items()]
        given, used = select(*casts).cte("given"), self.key_usage().cte("used")
        fits = used.c.bytes + func.octet_length(given.c.answer) <= max_bytes
        row = {name: given.c[name] for name in values} | {"created_at": func.now()}
        rows = select(VIEWER, *row.values()).where(used.c.number < max_keys, fits)
        new = upsert(IDEMPOTENCY_KEYS).from_select(["user_id", *row], rows)
        return new.on_conflict_do_update(
            index_elements=[columns.user_id, columns.key],
            set_={name: new.excluded[name] for name in row if name != "key"},
        ).returning(columns.key)
