"""The engine and its pool."""

from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.pool import Pool, PooledConnection

APP_ROLE = "todo_app"
"""The role that every statement of a viewer runs as. The first migration makes it."""


def database_url(secret: SecretStr) -> URL:
    """A libpq URL for SQLAlchemy. `sslmode` and all other parameters stay as they are."""
    return make_url(secret.get_secret_value()).set(drivername="postgresql+psycopg2")


def connect_arguments(settings: Settings) -> dict[str, object]:
    """What libpq is told besides the URL. There are no settings of the server among them: poolers
    such as Neon's refuse those (`options=-c …`), so the statement time-out travels with each
    statement. Keepalives notice within half a minute a server that has vanished without a word.
    """
    return {
        "connect_timeout": settings.database_connect_timeout,
        "application_name": "todo-graphql",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def migration_engine(settings: Settings) -> Engine:
    """An engine for DDL: the direct endpoint, one connection, no pool."""
    secret = settings.migration_url or settings.required_database_url()
    return create_engine(
        database_url(secret),
        poolclass=NullPool,
        connect_args=connect_arguments(settings),
        hide_parameters=True,
    )


class Database:
    """One pool of connections to one PostgreSQL, for one process."""

    def __init__(self, settings: Settings) -> None:
        timeout = int(settings.database_statement_timeout * 1000)
        self._preamble = (
            # SET LOCAL takes PostgreSQL less time than set_config. The message is one transaction.
            f"SET LOCAL ROLE {APP_ROLE}; SET LOCAL statement_timeout = {timeout};"
            # A viewer's rows are found by an index, however many of the table's they are: what
            # one person asks never reads through everybody's, nor is it worth compiling.
            " SET LOCAL enable_seqscan = off; SET LOCAL jit = off;"
            " SET LOCAL app.user_id = '%s'; "
        )
        # Autocommit, because each statement is a transaction: BEGIN and COMMIT would be
        # two more round trips, and under a pooler they would pin a server connection.
        self.engine = create_engine(
            database_url(settings.required_database_url()),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_max_overflow,
            pool_recycle=settings.database_pool_recycle,
            # Nothing is left to reset: a transaction of ours has ended, or its connection has.
            pool_reset_on_return=None,
            pool_timeout=settings.database_connect_timeout,
            connect_args=connect_arguments(settings) | {"connection_factory": PooledConnection},
            # Each new connection would be asked for the hstore type, which nobody here uses.
            use_native_hstore=False,
            hide_parameters=True,
        )
        self.pool = Pool(self.engine, settings.database_pool_recycle)

    def connect_as(self, viewer: Viewer) -> ViewerConnection:
        """A connection on which every statement is the viewer's. It is opened by its first use."""
        return ViewerConnection(self.pool, self._preamble, viewer)

    def preamble(self, viewer: Viewer) -> str:
        """The statement that says who asks, and bounds the time, until the transaction ends."""
        return self._preamble % viewer.id

    def close(self) -> None:
        """Close the pool's connections."""
        self.pool.close()
