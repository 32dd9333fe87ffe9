"""Derived columns written by the server: keys of titles, descriptions and tags, search words.

Servers of earlier releases can run until migration 0009. They write no derived columns, so
triggers derive those of their statements. No table is rewritten under a lock:
the tasks are derived in short transactions, user by user. An interrupted run can be repeated.

Revision ID: 0005
Revises: 0004
"""

from types import ModuleType

from alembic import context, op
from todo_graphql.store.maintenance.derivation import derive_with_progress

revision = "0005"
down_revision = "0004"

DERIVED = ("due", "title_key", "title_order", "description_key", "tag_keys", "words")

# A statement of an earlier release names no derived column: they are NULL in a new task, and
# unchanged in an update. A statement of this release leaves them unchanged if the keys and words of
# its texts are: so are those by the earlier definition, with rare exceptions, after which migration
# 0009 derives the task again.
TRIGGERS = (
    "DROP TRIGGER IF EXISTS derive ON tasks",
    "DROP TRIGGER IF EXISTS derive_new ON tasks",
    "DROP TRIGGER IF EXISTS derive_changed ON tasks",
    """
    CREATE TRIGGER derive_new BEFORE INSERT ON tasks
    FOR EACH ROW WHEN (NEW.words IS NULL) EXECUTE FUNCTION todo_derive()
    """,
    """
    CREATE TRIGGER derive_changed
    BEFORE UPDATE OF title, description, tags, due_on, due_at ON tasks
    FOR EACH ROW WHEN (
        (NEW.due, NEW.title_key, NEW.description_key, NEW.tag_keys, NEW.words)
        IS NOT DISTINCT FROM
            (OLD.due, OLD.title_key, OLD.description_key, OLD.tag_keys, OLD.words)
        AND (
            todo_fold(NEW.title), todo_terms(NEW.description), lower(NEW.tags::text),
            NEW.due_on, NEW.due_at
        ) IS DISTINCT FROM (
            todo_fold(OLD.title), todo_terms(OLD.description), lower(OLD.tags::text),
            OLD.due_on, OLD.due_at
        )
    ) EXECUTE FUNCTION todo_derive()
    """,
)
NEW_COLUMNS = """
    NEW.title_order := NEW.title_key;
    NEW.description_key := todo_fold(NEW.description);
    RETURN NEW;
"""

# A validated constraint makes SET NOT NULL skip the scan under its lock.
REQUIRE = (
    "ALTER TABLE tasks DROP CONSTRAINT IF EXISTS ck_tasks_order_required",
    """
    ALTER TABLE tasks ADD CONSTRAINT ck_tasks_order_required
    CHECK (title_order IS NOT NULL) NOT VALID
    """,
    "ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_order_required",
    "ALTER TABLE tasks ALTER COLUMN title_order SET NOT NULL",
    "ALTER TABLE tasks DROP CONSTRAINT ck_tasks_order_required",
)


def earlier() -> ModuleType:
    """Return the migration that has created the function and the trigger."""
    return context.script.get_revision("0002").module


def replaced(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def function() -> str:
    """Return the earlier function with the new columns."""
    return replaced(earlier().DERIVE).replace("    RETURN NEW;\n", NEW_COLUMNS)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for name in ("title_order", "description_key"):
        op.execute(f'ALTER TABLE tasks ADD COLUMN IF NOT EXISTS {name} text COLLATE "C"')
    for statement in (function(), *TRIGGERS):
        op.execute(statement)
    op.execute(f"GRANT UPDATE ({', '.join(DERIVED)}) ON tasks TO todo_app")
    with op.get_context().autocommit_block():
        if not context.is_offline_mode():
            derive_with_progress(op.get_bind())
        op.execute("SET lock_timeout = '10s'")
        for statement in REQUIRE:
            op.execute(statement)
        op.execute("RESET lock_timeout")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_tasks_title_order")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_tasks_title_order"
            " ON tasks (user_id, title_order, id) WHERE deleted_at IS NULL"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(f"REVOKE UPDATE ({', '.join(DERIVED)}) ON tasks FROM todo_app")
    for name in ("derive_new", "derive_changed"):
        op.execute(f"DROP TRIGGER {name} ON tasks")
    op.execute(replaced(earlier().DERIVE))
    op.execute(earlier().TRIGGER)
    for name in ("description_key", "title_order"):
        op.drop_column("tasks", name)
