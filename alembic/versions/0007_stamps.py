"""The latest stamp of each user's tasks, so that stamps increase with the revisions.

The column is nullable, so no row is rewritten. Servers of an earlier release ignore it.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE users ADD COLUMN written_at timestamptz")
    op.execute("GRANT UPDATE (written_at) ON users TO todo_app")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.drop_column("users", "written_at")
