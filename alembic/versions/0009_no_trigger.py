"""No trigger: only the server derives columns.

Servers of earlier releases have stopped before this migration (`todo-graphql migrate --finish`).
Tasks that they wrote since migration 0005 are derived again, in short transactions. Tasks that they
purged since migration 0008 have no tombstones, so another history begins, and clients read all
tasks anew. An interrupted run can be repeated.

Revision ID: 0009
Revises: 0008
"""

from alembic import context, op
from todo_graphql.store.maintenance.derivation import derive_with_progress

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in ("derive_new", "derive_changed"):
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON tasks")
    op.execute("UPDATE database_history SET id = gen_random_uuid()")
    with op.get_context().autocommit_block():
        if not context.is_offline_mode():
            derive_with_progress(op.get_bind())
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_tasks_title")
        for function in context.script.get_revision("0002").module.FUNCTIONS:
            op.execute(f"DROP FUNCTION IF EXISTS {function}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for function in reversed(context.script.get_revision("0002").module.FUNCTIONS.values()):
        op.execute(function)
    upgraded = context.script.get_revision("0005").module
    op.execute(upgraded.function())
    for statement in upgraded.TRIGGERS:
        op.execute(statement)
    op.create_index(
        "ix_tasks_title",
        "tasks",
        ["user_id", "title_key", "id"],
        postgresql_where="deleted_at IS NULL",
    )
