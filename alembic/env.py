"""Alembic environment, which connects with the settings of the server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from alembic import context
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import metadata
from todo_graphql.store.postgres import citus, migrations, statistics
from todo_graphql.store.postgres.engine import migration_engine

# An arbitrary constant, shared by every `migrate` of this project.
MIGRATION_LOCK = 7_406_531_042
LOCK_INTERVAL = 0.2
"""Seconds between two attempts."""


def migrate(connection: Connection) -> None:
    """Run the migrations, one transaction each, then set the planner statistics.

    At last, distribute the tables where Citus is installed.

    Concurrent deployments queue on the advisory lock. DDL that would wait for a long transaction
    fails instead, because all other statements would queue behind it.
    """
    with only_one(connection.engine) as guard:
        for revision in MigrationContext.configure(guard).get_current_heads():
            migrations.check_revision(revision)
        citus.prepare_migrations(connection)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        statistics.expect_tasks_per_user(connection)
        if context.get_context().get_current_heads() == (migrations.head(),):
            citus.distribute_tables(connection)


@contextmanager
def only_one(engine: Engine) -> Iterator[Connection]:
    """Hold the advisory lock, on a separate connection.

    The open transaction keeps the lock behind a pooler. The lock is polled, because a waiting
    statement would block concurrent index builds.
    """
    with engine.connect() as guard:
        while not guard.scalar(text(f"SELECT pg_try_advisory_xact_lock({MIGRATION_LOCK})")):
            guard.rollback()
            time.sleep(LOCK_INTERVAL)
        yield guard


def print_sql() -> None:
    """Print the migrations as SQL, for `alembic upgrade head --sql`."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Migrate on the caller's connection, or on a new one."""
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
