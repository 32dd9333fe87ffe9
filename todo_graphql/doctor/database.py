"""Examination of the database: availability, migrations and isolation of users."""

import uuid
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from todo_graphql.doctor.cluster import examine_cluster
from todo_graphql.doctor.endpoints import (
    Endpoint,
    Path,
    endpoints_of,
    examine_migration_path,
    reason_of,
)
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.doctor.preparation import examine_preparation
from todo_graphql.doctor.roles import examine_encoding, examine_role
from todo_graphql.errors import Problem
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations, rls_check
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import NotMigratedError, UnexpectedDatabaseError

TIMEOUT = text("SELECT current_setting('statement_timeout')")


def examine_database(settings: Settings) -> Iterator[Finding]:
    """Examine the endpoints, the database server, the migrations and the isolation."""
    try:
        own, direct = endpoints_of(settings)
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
        return
    for endpoint in filter(None, (own, direct)):
        yield from endpoint.examine()
    try:
        yield from examine_migration_path(own, direct)
        if own.path is not None:
            yield from examine_server(own)
            yield from examine_schema(settings, own.path)
    except DBAPIError as error:
        yield Finding(FATAL, f"The database stopped responding: {reason_of(error)}.")


def examine_server(own: Endpoint) -> Iterator[Finding]:
    """Examine the role and the encoding of the database, and its cluster."""
    with own.connect() as connection:
        yield examine_role(connection)
        yield examine_encoding(connection)
        yield from examine_cluster(connection)


def examine_schema(settings: Settings, path: Path) -> Iterator[Finding]:
    """Examine what the server does at its start and in its sessions, and the migrations."""
    database = Database(settings)
    try:
        yield examine_isolation(database)
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            yield examine_migrations(connection)
            yield examine_timeout(connection)
            mode = settings.database_prepared_statements
            yield examine_preparation(connection, path, mode, has_citus=database.has_citus)
    except NotMigratedError as failure:
        yield Finding(FATAL, str(failure))
    except UnexpectedDatabaseError as failure:
        yield Finding(FATAL, f"The database failed: {failure}.")
    except Problem as problem:
        yield Finding(FATAL, problem.message)
    finally:
        database.close()


def examine_migrations(connection: ViewerConnection) -> Finding:
    """Examine whether the database has the migrations of this version."""
    if not migrations.is_current(connection):
        return Finding(FATAL, "The migrations are behind: run `todo-graphql migrate`.")
    try:
        migrations.refuse_newer(connection)
    except migrations.NewerDatabaseError as newer:
        return Finding(ADVICE, str(newer))
    revision = migrations.present_revision(connection)
    if revision != migrations.head():
        return Finding(
            ADVICE,
            f"The migrations are at {revision}: when no server of an earlier release runs any more,"
            " run `todo-graphql migrate --finish`.",
        )
    return Finding(GOOD, f"The migrations are at {revision}.")


def examine_timeout(connection: ViewerConnection) -> Finding:
    """Examine whether the statement timeout reaches PostgreSQL, also through a pooler."""
    ((timeout,),) = connection.read(TIMEOUT)
    if timeout == "0":
        return Finding(
            ADVICE,
            "DATABASE_STATEMENT_TIMEOUT does not reach PostgreSQL: no statement is cancelled.",
        )
    return Finding(GOOD, f"PostgreSQL cancels a statement after {timeout}.")


def examine_isolation(database: Database) -> Finding:
    """Check row-level security. Raises Problem or UnexpectedDatabaseError if it cannot run."""
    try:
        rls_check.check_row_level_security(database)
    except rls_check.UnsafeDatabaseError as unsafe:
        return Finding(FATAL, str(unsafe))
    return Finding(GOOD, "Row-level security isolates users: a probe row was not visible.")
