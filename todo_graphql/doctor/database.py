"""The database: whether it is there, migrated, and keeps users apart."""

import uuid
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from todo_graphql.doctor.endpoints import (
    Endpoint,
    endpoints_of,
    examine_migration_path,
    reason_of,
)
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.doctor.roles import examine_letters, examine_role
from todo_graphql.errors import Problem
from todo_graphql.settings.settings import ConfigurationError, Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres import migrations, rls_check
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import NotMigratedError, UnexpectedDatabaseError

TIMEOUT = text("SELECT current_setting('statement_timeout')")


def examine_database(settings: Settings) -> Iterator[Finding]:
    """Examine the endpoints, the server behind them, the migrations and the isolation."""
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
            yield from examine_schema(settings)
    except DBAPIError as error:
        yield Finding(FATAL, f"The database does not answer any longer: {reason_of(error)}.")


def examine_server(own: Endpoint) -> Iterator[Finding]:
    """Examine what the server says about its role and its letters."""
    with own.connect() as connection:
        yield examine_role(connection)
        yield from examine_letters(connection)


def examine_schema(settings: Settings) -> Iterator[Finding]:
    """Give the proof of isolation, as at the start of the server, and examine the migrations."""
    database = Database(settings)
    try:
        yield examine_isolation(database)
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            yield examine_migrations(connection)
            yield examine_timeout(connection)
    except NotMigratedError as failure:
        yield Finding(FATAL, str(failure))
    except UnexpectedDatabaseError as failure:
        yield Finding(FATAL, f"The database does not answer as it should: {failure}.")
    except Problem as problem:
        yield Finding(FATAL, problem.message)
    finally:
        database.close()


def examine_migrations(connection: ViewerConnection) -> Finding:
    """Whether the database has all that this version needs."""
    if not migrations.is_current(connection):
        return Finding(FATAL, "The migrations are behind: run `todo-graphql migrate`.")
    try:
        migrations.refuse_newer(connection)
    except migrations.NewerDatabaseError as newer:
        return Finding(ADVICE, str(newer))
    return Finding(GOOD, f"The migrations are at {migrations.head()}.")


def examine_timeout(connection: ViewerConnection) -> Finding:
    """Whether PostgreSQL gives up on statements, also behind this pooler."""
    ((timeout,),) = connection.read(TIMEOUT)
    if timeout == "0":
        return Finding(
            ADVICE, "DATABASE_STATEMENT_TIMEOUT does not reach PostgreSQL: statements go on."
        )
    return Finding(GOOD, f"PostgreSQL gives up on a statement after {timeout}.")


def examine_isolation(database: Database) -> Finding:
    """Raises a Problem or UnexpectedDatabaseError where the proof cannot be given."""
    try:
        rls_check.check_row_level_security(database)
    except rls_check.UnsafeDatabaseError as unsafe:
        return Finding(FATAL, str(unsafe))
    return Finding(GOOD, "Row-level security keeps users apart: a planted row stayed unseen.")
