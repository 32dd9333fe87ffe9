"""Fill the new columns of existing tasks, make them NOT NULL, and index every order.

A long migration that does not block statements: short statements fill the rows and commit one by
one, constraints are validated under a lock that allows reads and writes, and indexes are built
concurrently. An interrupted run can be repeated.

Revision ID: 0003
Revises: 0002
"""

import sys

import click
import sqlalchemy as sa

from alembic import context, op

revision = "0003"
down_revision = "0002"

BATCH = 2_000

# The manual order of existing tasks is the order of their creation, before all new tasks. The id
# distinguishes tasks of the same instant. The update fires the trigger, which derives the rest.
FILL = """
UPDATE tasks SET rank = todo_rank(0)
    || to_char(timezone('UTC', created_at), 'YYYYMMDDHH24MISSUS')
    || replace(id::text, '-', '') || '1'
WHERE rank IS NULL
"""

# One message, so that the role ends with the batch's transaction. Locked rows are skipped: the
# trigger of the concurrent write fills them, or the next batch.
FILL_BATCH = f"""
SELECT set_config('role', 'todo_upkeep', true);
{FILL} AND (user_id, id) IN (
    SELECT user_id, id FROM tasks WHERE rank IS NULL LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id
"""  # noqa: S608 - constants

COUNT = """
SELECT set_config('role', 'todo_upkeep', true);
SELECT count(*) FROM tasks WHERE rank IS NULL
"""

RULES = ("priority_range", "due_exclusive", "tags_number")

# The columns that the trigger fills in every row. `due` is nullable.
DERIVED = ("rank", "title_key", "tag_keys", "words")

# The orders of the tasks outside of the trash.
ORDERS = {
    "updated_at": "ix_tasks_updated",
    "due": "ix_tasks_due",
    "priority": "ix_tasks_priority",
    "title_key": "ix_tasks_title",
    "completed_at": "ix_tasks_completed",
}
# This index includes the trash, so that a restored task keeps its place.
RANKED = "ix_tasks_rank"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        if context.is_offline_mode():
            op.execute(f"SET ROLE todo_upkeep; {FILL}; RESET ROLE")
        else:
            fill(op.get_bind())
        for rule in RULES:
            op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_{rule}")
        op.execute("SET lock_timeout = '10s'")
        for column in DERIVED:
            demand(column)
        op.execute("RESET lock_timeout")
        for column, name in ORDERS.items():
            index(name, column, "WHERE deleted_at IS NULL")
        index(RANKED, "rank")


def fill(connection: sa.Connection) -> None:
    """Fill rows batch by batch, with a progress bar on a terminal."""
    (left,) = connection.exec_driver_sql(COUNT).one()
    with click.progressbar(
        length=left, label="Filling in tasks", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        while left:
            bar.update(len(connection.exec_driver_sql(FILL_BATCH).all()))
            (left,) = connection.exec_driver_sql(COUNT).one()


def demand(column: str) -> None:
    """Make a column NOT NULL. A validated constraint avoids the scan under the lock."""
    rule = f"ck_tasks_{column}_required"
    op.execute(f"ALTER TABLE tasks DROP CONSTRAINT IF EXISTS {rule}")
    op.execute(f"ALTER TABLE tasks ADD CONSTRAINT {rule} CHECK ({column} IS NOT NULL) NOT VALID")
    op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT {rule}")
    op.execute(f"ALTER TABLE tasks ALTER COLUMN {column} SET NOT NULL")
    op.execute(f"ALTER TABLE tasks DROP CONSTRAINT {rule}")


def index(name: str, column: str, where: str = "") -> None:
    """Build an index concurrently, and replace the invalid one of an interrupted run."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"CREATE INDEX CONCURRENTLY {name} ON tasks (user_id, {column}, id) {where}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in (RANKED, *ORDERS.values()):
        op.execute(f"DROP INDEX IF EXISTS {name}")
    for column in DERIVED:
        op.execute(f"ALTER TABLE tasks ALTER COLUMN {column} DROP NOT NULL")
