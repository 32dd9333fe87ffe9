"""Fill in what existing tasks lack, then demand it, then index every order.

Runs for as long as it takes, and nobody waits for it: the rows are filled in by short
statements that commit one by one, the rules are validated under a lock that lets reads and
writes pass, and the indexes are built beside the traffic. Interrupted, it is run again.

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

# As if each task had been put at the end when it was created; before all that come later. The
# id tells those apart that were created at the same instant. The update fires the trigger,
# which derives the rest.
FILL = """
UPDATE tasks SET rank = todo_rank(0)
    || to_char(timezone('UTC', created_at), 'YYYYMMDDHH24MISSUS')
    || replace(id::text, '-', '') || '1'
WHERE rank IS NULL
"""

# One message, so that the role ends with the batch's transaction. Locked rows are somebody's
# who is writing now: the trigger fills them in, or the next round does.
FILL_BATCH = f"""
SELECT set_config('role', 'todo_upkeep', true);
{FILL} AND (user_id, id) IN (
    SELECT user_id, id FROM tasks WHERE rank IS NULL LIMIT {BATCH} FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id
"""  # noqa: S608 - made of constants

COUNT = """
SELECT set_config('role', 'todo_upkeep', true);
SELECT count(*) FROM tasks WHERE rank IS NULL
"""

RULES = ("priority_range", "due_exclusive", "tags_number")

# The trigger gives them to every row. `due` may be missing.
DERIVED = ("rank", "title_key", "tag_keys", "words")

# Each order of the tasks that are not in the trash.
ORDERS = {
    "updated_at": "ix_tasks_updated",
    "due": "ix_tasks_due",
    "priority": "ix_tasks_priority",
    "title_key": "ix_tasks_title",
    "completed_at": "ix_tasks_completed",
}
# Neighbours are looked up among all tasks, so that one that is restored has its place.
RANKED = "ix_tasks_rank"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        if context.is_offline_mode():
            op.execute(f"SET ROLE todo_upkeep; {FILL}; RESET ROLE")
        else:
            fill(op.get_bind())
        for rule in RULES:
            op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_{rule}")
        for column in DERIVED:
            demand(column)
        for column, name in ORDERS.items():
            index(name, column, "WHERE deleted_at IS NULL")
        index(RANKED, "rank")


def fill(connection: sa.Connection) -> None:
    """Fill in batch by batch, until none is left, with a bar where somebody watches."""
    (left,) = connection.exec_driver_sql(COUNT).one()
    with click.progressbar(
        length=left, label="Filling in tasks", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        while left:
            bar.update(len(connection.exec_driver_sql(FILL_BATCH).all()))
            (left,) = connection.exec_driver_sql(COUNT).one()


def demand(column: str) -> None:
    """NOT NULL, without a scan under the lock: a validated rule says it already."""
    rule = f"ck_tasks_{column}_required"
    op.execute(f"ALTER TABLE tasks DROP CONSTRAINT IF EXISTS {rule}")
    op.execute(f"ALTER TABLE tasks ADD CONSTRAINT {rule} CHECK ({column} IS NOT NULL) NOT VALID")
    op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT {rule}")
    op.execute(f"ALTER TABLE tasks ALTER COLUMN {column} SET NOT NULL")
    op.execute(f"ALTER TABLE tasks DROP CONSTRAINT {rule}")


def index(name: str, column: str, where: str = "") -> None:
    """Build beside the traffic. One that was interrupted is there, and no good."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"CREATE INDEX CONCURRENTLY {name} ON tasks (user_id, {column}, id) {where}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in (RANKED, *ORDERS.values()):
        op.execute(f"DROP INDEX IF EXISTS {name}")
    for column in DERIVED:
        op.execute(f"ALTER TABLE tasks ALTER COLUMN {column} DROP NOT NULL")
