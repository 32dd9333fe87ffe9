"""Users, tasks, and the second wall: row-level security.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None

# Roles belong to the whole server while tables belong to one database, so another database
# of the same server may have made the role before, or may be making it right now. Both ways
# of finding it there already have their own SQLSTATE.
CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE todo_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# SET ROLE needs membership. Whoever migrates usually serves, too; a server that connects as
# somebody else needs the same GRANT. A superuser may take any role without it, and one who
# may not grant it has got it already or will be told by the proof at the start of the server.
GRANT_ROLE = """
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT todo_app TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$
"""

# No more than the statements need. The columns that say whose a row is are not among those
# that may be updated.
GRANT_TABLES = (
    "GRANT SELECT, INSERT ON users TO todo_app",
    "GRANT UPDATE (email, revision) ON users TO todo_app",
    "GRANT SELECT, INSERT, DELETE ON tasks TO todo_app",
    "GRANT UPDATE (title, description, completed_at, deleted_at) ON tasks TO todo_app",
    "GRANT UPDATE (updated_at, revision) ON tasks TO todo_app",
    # The health check compares the version under the same role.
    "GRANT SELECT ON alembic_version TO todo_app",
)

# `app.user_id` is set together with each statement, for that statement's transaction only.
# When it is missing, current_setting answers NULL or '' and no row compares equal.
ME = "nullif(current_setting('app.user_id', true), '')::uuid"

# Roles are shared, so the role is dropped only when no other database of this server
# depends on it.
DROP_ROLE = """
DO $$ BEGIN
    DROP OWNED BY todo_app;
    DROP ROLE todo_app;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege OR object_in_use THEN NULL;
END $$
"""


def upgrade() -> None:
    create_users()
    create_tasks()
    op.execute(CREATE_ROLE)
    op.execute(GRANT_ROLE)
    op.execute(
        "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO todo_app', current_schema); END $$"
    )
    for grant in GRANT_TABLES:
        op.execute(grant)
    protect("users", "id")
    protect("tasks", "user_id")


def create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        moment("created_at", server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )


def create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        moment("completed_at"),
        moment("created_at", server_default=sa.func.now(), nullable=False),
        moment("updated_at", server_default=sa.func.now(), nullable=False),
        moment("deleted_at"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("creation_digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_tasks"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_tasks_user_id_users", ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 1 AND 200", name=op.f("ck_tasks_title_length")
        ),
        sa.CheckConstraint(
            "char_length(description) <= 10000", name=op.f("ck_tasks_description_length")
        ),
    )
    index_list("ix_tasks_live", "deleted_at IS NULL")
    index_list("ix_tasks_open", "deleted_at IS NULL AND completed_at IS NULL")
    index_list("ix_tasks_trash", "deleted_at IS NOT NULL")


def moment(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)  # type: ignore[arg-type]


def index_list(name: str, condition: str) -> None:
    """Index one list that a person looks at, in the order in which it is shown."""
    op.create_index(
        name, "tasks", ["user_id", "created_at", "id"], postgresql_where=sa.text(condition)
    )


def protect(table: str, owner: str) -> None:
    """Show a table's rows to their owner only. FORCE: to the owner of the table, too."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY mine ON {table} USING ({owner} = {ME}) WITH CHECK ({owner} = {ME})")


def downgrade() -> None:
    op.drop_table("tasks")
    op.drop_table("users")
    op.execute(DROP_ROLE)
