"""How Alembic reaches the database: by the same settings as the server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from alembic import context
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import metadata
from todo_graphql.store.postgres import migrations
from todo_graphql.store.postgres.engine import migration_engine

# Any constant will do, as long as every `migrate` of this project takes the same one.
MIGRATION_LOCK = 7_406_531_042
LOCK_INTERVAL = 0.2
"""Seconds between two attempts."""


def migrate(connection: Connection) -> None:
    """Run the migrations, each in a transaction of its own.

    Two deployments at once queue up on the advisory lock; the second one finds its work
    done. DDL that would wait behind a long transaction gives up instead, because
    everybody else would queue behind the waiting DDL.
    """
    with only_one(connection.engine) as guard:
        for revision in MigrationContext.configure(guard).get_current_heads():
            migrations.check_revision(revision)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


@contextmanager
def only_one(engine: Engine) -> Iterator[Connection]:
    """Wait for the other deployment, on a connection beside the migrations'.

    Its transaction stays open meanwhile, so the lock holds also behind a pooler. It asks again
    and again: a statement that waits would hold up an index that is built concurrently.
    """
    with engine.connect() as guard:
        while not guard.scalar(text(f"SELECT pg_try_advisory_xact_lock({MIGRATION_LOCK})")):
            guard.rollback()
            time.sleep(LOCK_INTERVAL)
        yield guard


def print_sql() -> None:
    """For `alembic upgrade head --sql`: what somebody else is to run."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
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
