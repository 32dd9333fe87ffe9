"""Changes since a revision: an index, tombstones of deleted tasks, and the history of the database.

Servers of the release before can run meanwhile. They leave no tombstones, so clients can miss a
task that such a server purges, until migration 0009 begins another history.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"

ME = "nullif(current_setting('app.user_id', true), '')::uuid"

TOMBSTONES = """
CREATE TABLE tombstones (
    user_id uuid NOT NULL CONSTRAINT fk_tombstones_user_id_users
        REFERENCES users (id) ON DELETE CASCADE,
    task_id uuid NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_tombstones PRIMARY KEY (user_id, task_id)
)
"""
HISTORY = """
CREATE TABLE database_history (
    is_current boolean NOT NULL DEFAULT true,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT pk_database_history PRIMARY KEY (is_current),
    CONSTRAINT ck_database_history_one_row CHECK (is_current)
)
"""

STATEMENTS = (
    TOMBSTONES,
    "CREATE INDEX ix_tombstones_revision ON tombstones (user_id, revision, task_id)",
    "ALTER TABLE tombstones ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE tombstones FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY mine ON tombstones USING (user_id = {ME}) WITH CHECK (user_id = {ME})",
    "CREATE POLICY upkeep ON tombstones TO todo_upkeep USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, DELETE ON tombstones TO todo_app",
    "GRANT UPDATE (revision, created_at) ON tombstones TO todo_app",
    "GRANT SELECT, INSERT, DELETE, UPDATE (revision, created_at) ON tombstones TO todo_upkeep",
    "GRANT UPDATE (forgotten_revision) ON users TO todo_app",
    "GRANT SELECT (forgotten_revision), UPDATE (forgotten_revision) ON users TO todo_upkeep",
    HISTORY,
    "INSERT INTO database_history DEFAULT VALUES",
    "GRANT SELECT ON database_history TO todo_app",
)


def upgrade() -> None:
    with op.get_context().autocommit_block():  # first, so that an interrupted run can be repeated
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_tasks_revision")
        op.execute("CREATE INDEX CONCURRENTLY ix_tasks_revision ON tasks (user_id, revision, id)")
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column(
        "users",
        sa.Column(
            "forgotten_revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
    )
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.drop_index("ix_tasks_revision", "tasks")
    op.drop_table("database_history")
    op.drop_table("tombstones")
    op.drop_column("users", "forgotten_revision")
