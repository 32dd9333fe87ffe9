"""Migrations: their scripts, the revision of a database, and the upgrade.

A server only compares revisions. It does not import Alembic, which would slow its start.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, select, table
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import ExpectedError, Unavailable
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

EXPANDED = "0008"
"""The revision that servers of this release and of the one before it can both use. The next one
removes what only earlier releases need.
"""


class MigrationPermissionError(ExpectedError):
    """The role of the URL lacks a privilege for a migration."""


class NewerDatabaseError(ExpectedError):
    """The revision of the database is unknown to this release."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is at revision {revision}, which is newer than this release (newest "
            f"revision {head()}). This release can serve it, but only a newer one can migrate it."
        )


def scripts() -> Path:
    """Return Alembic's folder: inside the package in a wheel, beside it in a checkout."""
    inside, beside = PACKAGE / "alembic", PACKAGE.parent / "alembic"
    return inside if inside.is_dir() else beside


def configuration() -> "Config":
    """Return Alembic's configuration."""
    from alembic.config import Config  # noqa: PLC0415 - not needed by a server

    config = Config()
    config.set_main_option("script_location", str(scripts()))
    return config


@cache
def revisions() -> tuple[str, ...]:
    """Return all revisions of this release in order. A script's name begins with its revision."""
    names = sorted(script.name for script in (scripts() / "versions").glob("*.py"))
    return tuple(name.partition("_")[0] for name in names)


def head() -> str:
    """Return the newest revision of this release."""
    return revisions()[-1]


def upgrade(settings: Settings, *, finish: bool = False) -> str:
    """Upgrade the database, and return its revision.

    The newest revision is for a new database, and to `finish` when no server of an earlier release
    is running. Otherwise these servers can continue to run with the revision.

    Raises Unavailable when the database is unavailable, MigrationPermissionError when the role
    lacks a privilege, NewerDatabaseError for a revision that this release does not know, and
    UnexpectedDatabaseError for any other error.
    """
    engine = migration_engine(settings)
    try:
        with engine.connect() as connection:
            present = _revision_on(connection)
            upgrade_on(connection, head() if finish or present in (None, head()) else EXPANDED)
            return str(_revision_on(connection))
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise MigrationPermissionError(
                "This role lacks a privilege for migrations: grant it CREATEROLE and CREATE on the "
                "schema. If another role created todo_app and todo_upkeep for another database of "
                "this server, run GRANT todo_app, todo_upkeep TO it WITH ADMIN OPTION as that "
                "role. Then migrate again."
            ) from None
        failure = translate_error(error)
        if isinstance(failure, Unavailable):
            raise Unavailable(f"{failure.message} Run `todo-graphql doctor` for details.") from None
        raise failure from None
    finally:
        engine.dispose()


def _revision_on(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext  # noqa: PLC0415 - not needed by a server

    revision = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return revision


def upgrade_on(connection: Connection, revision: str = "head") -> None:
    """Upgrade through the caller's connection."""
    from alembic import command  # noqa: PLC0415 - not needed by a server

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def is_current(connection: ViewerConnection) -> bool:
    """Return whether the database has every migration that this release needs.

    A newer database is current as well: it is migrated before the last server of this release
    stops. Raises Unavailable and UnexpectedDatabaseError.
    """
    revision = present_revision(connection)
    behind = set(revisions()) - {EXPANDED, head()}
    return revision is not None and revision not in behind


def refuse_newer(connection: ViewerConnection) -> None:
    """Raise NewerDatabaseError if the revision of the database is unknown to this release."""
    revision = present_revision(connection)
    if revision is not None:
        check_revision(revision)


def check_revision(revision: str) -> None:
    """Raise NewerDatabaseError if the revision is unknown to this release."""
    if revision not in revisions():
        raise NewerDatabaseError(revision)


def present_revision(connection: ViewerConnection) -> str | None:
    """Return the revision of the database; None without migrations."""
    version = table("alembic_version", column("version_num"))
    try:
        rows = connection.read(select(version.c.version_num))
    except NotMigratedError:
        return None
    return str(rows[0][0]) if rows else None
