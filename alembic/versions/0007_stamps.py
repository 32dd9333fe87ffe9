"""The latest stamp of each user's tasks, so that stamps increase with the revisions.

The column is nullable, so no row is rewritten. Servers of an earlier release ignore it. Migration
0005 adds it as well, for a database that these servers use until migration 0006.

Revision ID: 0007
Revises: 0006
"""

from alembic import context, op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for statement in context.script.get_revision("0005").module.STAMPS:
        op.execute(statement)


def downgrade() -> None:
    """Keep the column, which servers can use until the downgrade of migration 0005."""
