"""Where the migrations are, how far a database has come, and how to bring it to the head."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, select, table
from sqlalchemy.exc import DBAPIError

from alembic import command
from todo_graphql.config import Settings
from todo_graphql.errors import Unavailable
from todo_graphql.store.connection import ViewerConnection
from todo_graphql.store.database import migration_engine
from todo_graphql.store.failures import NotMigrated, failure_of, is_privilege_missing

PACKAGE = Path(__file__).parents[1]


class MayNotMigrate(Exception):  # noqa: N818 - a grant is missing
    """The role of the URL may not do what a migration does. Says what to do."""


def configuration() -> Config:
    """Alembic's configuration: the wheel carries the migrations inside the package, while a
    checkout has them beside it.
    """
    inside, beside = PACKAGE / "alembic", PACKAGE.parent / "alembic"
    config = Config()
    config.set_main_option("script_location", str(inside if inside.is_dir() else beside))
    return config


def head() -> str:
    """The newest revision that this code knows."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None
    return revision


def upgrade(settings: Settings) -> None:
    """Bring the database to the head, in one transaction.

    Raises Unavailable when the database is away, MayNotMigrate when the role may not, and
    DatabaseFailure when it refuses for another reason.
    """
    engine = migration_engine(settings)
    try:
        with engine.connect() as connection:
            upgrade_on(connection)
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise MayNotMigrate(
                "This role may not migrate: give it CREATEROLE and CREATE on the schema; and where "
                "another role has made todo_app and todo_upkeep, for another database of this "
                "server, run GRANT todo_app, todo_upkeep TO it, as that role. Then migrate again."
            ) from None
        failure = failure_of(error)
        if isinstance(failure, Unavailable):
            raise Unavailable(f"{failure.message} `todo-graphql doctor` says more.") from None
        raise failure from None
    finally:
        engine.dispose()


def upgrade_on(connection: Connection, revision: str = "head") -> None:
    """Upgrade through a connection that somebody else has opened, and closes."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def downgrade_on(connection: Connection, revision: str) -> None:
    """Undo what came after `revision`, with all data that it held."""
    config = configuration()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def is_current(connection: ViewerConnection) -> bool:
    """Whether the database has every migration of this code.

    One that has more is current, too: it was expanded for the next release, while this one
    is still serving. Raises Unavailable when the database is away, and DatabaseFailure
    when it refuses.
    """
    version = table("alembic_version", column("version_num"))
    try:
        rows = connection.read(select(version.c.version_num))
    except NotMigrated:
        return False
    return bool(rows) and rows[0][0] not in _behind()


@cache
def _behind() -> set[str]:
    """The revisions before the newest one. They are read once: health is asked for often."""
    script = ScriptDirectory.from_config(configuration())
    return {revision.revision for revision in script.walk_revisions()} - {head()}
