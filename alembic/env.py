"""How Alembic reaches the database: by the same settings as the server."""

from sqlalchemy import Connection, text

from alembic import context
from todo_graphql.config import Settings
from todo_graphql.store.database import migration_engine
from todo_graphql.store.models import metadata

# Any constant will do, as long as every `migrate` of this project takes the same one.
MIGRATION_LOCK = 7_406_531_042


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction.

    Two deployments at once queue up on the advisory lock; the second one finds its work
    done. DDL that would wait behind a long transaction gives up instead, because
    everybody else would queue behind the waiting DDL.
    """
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        context.run_migrations()


def print_sql() -> None:
    """For `alembic upgrade head --sql`: what somebody else is to run."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Migrate on the connection that a caller brought, or on one of our own."""
    if context.is_offline_mode():
        print_sql()
        return
    connection = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    engine = migration_engine(Settings.from_environment())
    with engine.connect() as own_connection:
        migrate(own_connection)


run()
