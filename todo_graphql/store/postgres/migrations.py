"""Where the migrations are, how far a database has come, and how to bring it to the head.

A server compares revisions, and leaves Alembic to `migrate`: its import takes a tenth of the start.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, select, table
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import Unavailable
from todo_graphql.settings.settings import Settings
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.engine import migration_engine
from todo_graphql.store.postgres.errors import (
    NotMigratedError,
    is_privilege_missing,
    translate_error,
)

if TYPE_CHECKING:
    from alembic.config import Config

PACKAGE = Path(__file__).parents[2]


class MigrationPermissionError(Exception):
    """The role of the URL may not do what a migration does. Says what to do."""


class NewerDatabaseError(Exception):
    """The database has had migrations that this code does not know. Says which it is at."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is at revision {revision}, newer than this release, whose newest is "
            f"{head()}: it can be served as it is, and migrated by the newer release only."
        )


def scripts() -> Path:
    """The folder of Alembic: the wheel carries it inside the package, a checkout has it beside."""
    inside, beside = PACKAGE / "alembic", PACKAGE.parent / "alembic"
    return inside if inside.is_dir() else beside


def configuration() -> "Config":
    """Alembic's configuration."""
    from alembic.config import Config  # noqa: PLC0415 - a server does without

    config = Config()
    config.set_main_option("script_location", str(scripts()))
    return config


@cache
def revisions() -> tuple[str, ...]:
    """All revisions of this code in their order. The name of a script begins with its revision."""
    names = sorted(script.name for script in (scripts() / "versions").glob("*.py"))
    return tuple(name.partition("_")[0] for name in names)


def head() -> str:
    """The newest revision that this code knows."""
    return revisions()[-1]


def upgrade(settings: Settings) -> None:
    """Bring the database to the head, in one transaction.

    Raises Unavailable when the database is unavailable, MigrationPermissionError when the role
    lacks a privilege, NewerDatabaseError for a revision that this release does not know, and
    UnexpectedDatabaseError for any other error.
    """
    engine = migration_engine(settings)
    try:
        with engine.connect() as connection:
            upgrade_on(connection)
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise MigrationPermissionError(
                "This role may not migrate: give it CREATEROLE and CREATE on the schema; and where "
                "another role has made todo_app and todo_upkeep, for another database of this "
                "server, run GRANT todo_app, todo_upkeep TO it, as that role. Then migrate again."
            ) from None
        failure = translate_error(error)
        if isinstance(failure, Unavailable):
            raise Unavailable(f"{failure.message} `todo-graphql doctor` says more.") from None
        raise failure from None
    finally:
        engine.dispose()


def upgrade_on(connection: Connection, revision: str = "head") -> None:
    """Upgrade through a connection that somebody else has opened, and closes."""
    from alembic import command  # noqa: PLC0415 - a server does without

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def is_current(connection: ViewerConnection) -> bool:
    """Whether the database has every migration of this code.

    One that has more is current, too: it was expanded for the next release, while this one
    is still serving. Raises Unavailable when the database is away, and UnexpectedDatabaseError
    when it refuses.
    """
    revision = _revision(connection)
    return revision is not None and revision not in revisions()[:-1]


def refuse_newer(connection: ViewerConnection) -> None:
    """Raises NewerDatabaseError when it has more than this code knows; else as `is_current`."""
    revision = _revision(connection)
    if revision is not None:
        check_revision(revision)


def check_revision(revision: str) -> None:
    """Raises NewerDatabaseError unless the revision is one of this code's."""
    if revision not in revisions():
        raise NewerDatabaseError(revision)


def _revision(connection: ViewerConnection) -> str | None:
    """How far the database has come; None if it was never migrated."""
    version = table("alembic_version", column("version_num"))
    try:
        rows = connection.read(select(version.c.version_num))
    except NotMigratedError:
        return None
    return str(rows[0][0]) if rows else None
