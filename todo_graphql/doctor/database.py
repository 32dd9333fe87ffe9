"""The database: whether it is there, migrated, and keeps users apart."""

import uuid
from collections.abc import Iterator

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding
from todo_graphql.errors import Problem
from todo_graphql.store import isolation, migrations
from todo_graphql.store.connection import ViewerConnection
from todo_graphql.store.database import Database, database_url, migration_engine
from todo_graphql.store.failures import DatabaseFailure, NotMigrated
from todo_graphql.store.models import Viewer

OLDEST_POSTGRESQL = 15
TIMEOUT = text("SELECT current_setting('statement_timeout')")


def examine_database(settings: Settings) -> Iterator[Finding]:
    """The endpoints, the servers behind them, the migrations and the isolation."""
    try:
        yield from examine_endpoints(settings)
        engine = migration_engine(settings)
        database = Database(settings)
    except ConfigurationError as error:
        yield Finding(FATAL, str(error))
        return
    servers = {"DATABASE_URL": database.engine}
    if settings.database_url_unpooled is not None:
        servers["DATABASE_URL_UNPOOLED"] = engine
    try:
        found = [examine_server(name, server) for name, server in servers.items()]
        yield from found
        if not found[0].is_fatal:
            yield from examine_schema(database)
    finally:
        engine.dispose()
        database.close()


def examine_endpoints(settings: Settings) -> Iterator[Finding]:
    """Neon's pooled endpoint has `-pooler` in its name; migrations want the direct one."""
    host = database_url(settings.required_database_url()).host or "a local socket"
    pooled = "-pooler" in host
    yield Finding(
        GOOD, f"DATABASE_URL names a {'pooled' if pooled else 'direct'} endpoint: {host}."
    )
    if settings.database_url_unpooled is not None:
        pooled = "-pooler" in (database_url(settings.database_url_unpooled).host or "")
        advice = "DATABASE_URL_UNPOOLED names a pooled endpoint"
    else:
        advice = "DATABASE_URL_UNPOOLED is not set"
    if pooled:
        yield Finding(ADVICE, f"{advice}: migrations would go through the pooler.")


def examine_server(name: str, engine: Engine) -> Finding:
    """Whether there is one, which lets us in, and its version."""
    try:
        with engine.connect() as connection:
            number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    except DBAPIError as error:
        # This goes to the operator, and to no log: libpq names the host and the user.
        reason = (str(error.orig).splitlines() or ["no reason was given"])[0].strip()
        return Finding(FATAL, f"{name} does not lead to a database: {reason}.")
    major = number // 10_000
    mark = GOOD if major >= OLDEST_POSTGRESQL else FATAL
    return Finding(
        mark, f"{name} leads to PostgreSQL {major}; {OLDEST_POSTGRESQL} or newer is needed."
    )


def examine_schema(database: Database) -> Iterator[Finding]:
    """The same proof of isolation as at the start of the server, and the migrations."""
    try:
        yield examine_isolation(database)
        with database.connect_as(Viewer(uuid.uuid4())) as connection:
            yield examine_migrations(connection)
            yield examine_timeout(connection)
    except NotMigrated as failure:
        yield Finding(FATAL, str(failure))
    except DatabaseFailure as failure:
        yield Finding(FATAL, f"The database does not answer as it should: {failure}.")
    except Problem as problem:
        yield Finding(FATAL, problem.message)


def examine_migrations(connection: ViewerConnection) -> Finding:
    """Whether the database has all that this version needs."""
    if not migrations.is_current(connection):
        return Finding(FATAL, "The migrations are behind: run `todo-graphql migrate`.")
    try:
        migrations.refuse_newer(connection)
    except migrations.NewerDatabase as newer:
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
    """Raises a Problem or DatabaseFailure where the proof cannot be given."""
    try:
        isolation.check_row_level_security(database)
    except isolation.UnsafeDatabase as unsafe:
        return Finding(FATAL, str(unsafe))
    return Finding(GOOD, "Row-level security keeps users apart: a planted row stayed unseen.")
