"""Users and tasks with row-level security.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None

# Roles belong to the whole server, so a migration of another database can have created the role,
# or can create it concurrently. The two cases have different SQLSTATEs.
CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE todo_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# SET ROLE requires membership. Usually the same role migrates and serves; a server with another
# role needs the same GRANT. A superuser needs none. If the migrating role cannot grant it, the
# role is a member already, or the check at the start of the server fails.
GRANT_ROLE = """
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT todo_app TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$
"""

# The privileges that the statements need. The columns of the owner cannot be updated.
GRANT_TABLES = (
    "GRANT SELECT, INSERT ON users TO todo_app",
    "GRANT UPDATE (email, revision) ON users TO todo_app",
    "GRANT SELECT, INSERT, DELETE ON tasks TO todo_app",
    "GRANT UPDATE (title, description, completed_at, deleted_at) ON tasks TO todo_app",
    "GRANT UPDATE (updated_at, revision) ON tasks TO todo_app",
    # The health check compares the version under the same role.
    "GRANT SELECT ON alembic_version TO todo_app",
)

# `app.user_id` is set with each statement, for its transaction. If it is missing,
# current_setting returns NULL or '' and no row compares equal.
ME = "nullif(current_setting('app.user_id', true), '')::uuid"

# The role is dropped only if no other database of the server depends on it.
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
    """Create the index of a common list in its default order."""
    op.create_index(
        name, "tasks", ["user_id", "created_at", "id"], postgresql_where=sa.text(condition)
    )


def protect(table: str, owner: str) -> None:
    """Restrict a table's rows to their owner. FORCE binds the owner of the table as well."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY mine ON {table} USING ({owner} = {ME}) WITH CHECK ({owner} = {ME})")


def downgrade() -> None:
    op.drop_table("tasks")
    op.drop_table("users")
    op.execute(DROP_ROLE)
