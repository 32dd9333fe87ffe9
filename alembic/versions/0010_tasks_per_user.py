"""Statistics: PostgreSQL plans for users with a thousand tasks.

Most users have few tasks. PostgreSQL would expect that of all, and then every plan seems equally
good to it, also one that sorts all tasks of a user for each page. Servers of earlier releases can
continue to run.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"

# The number of users is expected to be that of tasks, divided by a thousand. Distributed tables of
# Citus have no such option, and their statements are planned for each user.
SET_OPTION = """
DO $$BEGIN
ALTER TABLE tasks ALTER COLUMN user_id SET (n_distinct = -0.001);
EXCEPTION WHEN feature_not_supported THEN NULL;
END$$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(SET_OPTION)
    op.execute("ANALYZE tasks")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE tasks ALTER COLUMN user_id RESET (n_distinct)")
    op.execute("ANALYZE tasks")
