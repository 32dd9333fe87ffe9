"""Counters of each user's tasks and bytes, for quotas.

The columns have constant defaults, so no row is rewritten or read. The server counts the tasks of
an existing user at the next write that adds to them (docs/decisions/0020-storage-quotas.md).

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"

# Statements of an earlier release increment `revision` alone, and so invalidate the counters.
COLUMNS = {
    "task_count": sa.Integer(),
    "task_bytes": sa.BigInteger(),
    "counted_revision": sa.BigInteger(),
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name, kind in COLUMNS.items():
        op.add_column("users", sa.Column(name, kind, server_default=sa.text("0"), nullable=False))
    op.execute(f"GRANT UPDATE ({', '.join(COLUMNS)}) ON users TO todo_app")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in reversed(COLUMNS):
        op.drop_column("users", name)
