"""SQLAlchemy engine and connection options."""

from collections.abc import Callable

from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool

from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.pool import Pool, PooledConnection
from todo_graphql.store.postgres.preamble import Preamble
from todo_graphql.store.postgres.sessions import Sessions
from todo_graphql.store.quota import Quota


def database_url(secret: SecretStr) -> URL:
    """Convert a libpq URL for SQLAlchemy, with `sslmode` and all other parameters."""
    return make_url(secret.get_secret_value()).set(drivername="postgresql+psycopg2")


def connect_arguments(settings: Settings) -> dict[str, object]:
    """Return the libpq options besides the URL.

    Poolers such as Neon's reject server settings (`options=-c …`), so the statement timeout
    travels with each statement. Keepalives detect a vanished server within 25 s.
    """
    return {
        "connect_timeout": settings.database_connect_timeout,
        "application_name": "todo-graphql",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }


def migration_engine(settings: Settings) -> Engine:
    """Create an engine for DDL: direct endpoint, no pool."""
    secret = settings.migration_url or settings.required_database_url()
    return create_engine(
        database_url(secret),
        poolclass=NullPool,
        connect_args=connect_arguments(settings),
        hide_parameters=True,
    )


class Database:
    """Connection pool of one process."""

    def __init__(
        self, settings: Settings, on_write: Callable[[str], None] = lambda _user: None
    ) -> None:
        """Create the pool.

        `on_write` is called with the key of a user after each write, on the thread of the writer.
        """
        self._on_write = on_write
        self._quota = Quota(settings.max_tasks_per_user, settings.max_bytes_per_user)
        self._preamble = Preamble(int(settings.database_statement_timeout * 1000))
        # Autocommit: each message is a transaction. BEGIN and COMMIT would take two more round
        # trips, and pin a server connection of a pooler.
        self.engine = create_engine(
            database_url(settings.required_database_url()),
            isolation_level="AUTOCOMMIT",
            pool_pre_ping=True,
            pool_size=settings.database_pool_size,
            max_overflow=settings.database_max_overflow,
            pool_recycle=settings.database_pool_recycle,
            # No reset is needed: every transaction ends before its connection is returned.
            pool_reset_on_return=None,
            pool_timeout=settings.database_connect_timeout,
            connect_args=connect_arguments(settings) | {"connection_factory": PooledConnection},
            # Saves a query for the unused hstore type on each new connection.
            use_native_hstore=False,
            hide_parameters=True,
        )
        event.listen(self.engine, "first_connect", self._preamble.detect)
        sessions = Sessions(settings.database_prepared_statements, self._preamble)
        event.listen(self.engine, "connect", sessions.on_connect)
        self.pool = Pool(
            self.engine, sessions, settings.database_pool_recycle, settings.max_connections
        )

    def connect_as(self, viewer: Viewer, quota: Quota | None = None) -> ViewerConnection:
        """Create a connection whose statements run as the viewer.

        The quota is by default that of the settings. The first statement opens the connection.
        """
        return ViewerConnection(
            self.pool, self._preamble, viewer, quota or self._quota, self._on_write
        )

    def preamble(self, viewer: Viewer) -> str:
        """Return the statements that set the viewer and the timeout for one transaction."""
        return self._preamble.format(viewer.key)

    @property
    def has_citus(self) -> bool:
        """True if the database has the extension Citus. The first connection tells."""
        return self._preamble.has_citus

    def close(self) -> None:
        """Close the pool."""
        self.pool.close()
