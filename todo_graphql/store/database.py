"""The engine, its pool, and a connection that tells PostgreSQL who is asking."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg2
from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, Executable, Row, create_engine, event, make_url
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from todo_graphql.config import ConfigurationError, Settings
from todo_graphql.errors import Unavailable
from todo_graphql.store.failures import failure_of, failure_of_driver

APP_ROLE = "todo_app"
"""The role that every statement of a viewer runs as. The first migration makes it."""


# SQLSTATE 08* and 57P*: the connection has ended, or is about to.
ENDED = ("08", "57P")

LOCK = "SELECT FROM users WHERE id = '%s' FOR NO KEY UPDATE; "
APPEAR = (
    "INSERT INTO users (id) VALUES ('%s')"
    " ON CONFLICT (id) DO UPDATE SET revision = users.revision; "
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking, as their token says. Nothing else a client sends says who it is."""

    id: uuid.UUID
    email: str | None = None


def database_url(secret: SecretStr) -> URL:
    """A libpq URL for SQLAlchemy. `sslmode` and all other parameters stay as they are."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError("DATABASE_URL is not usable: it is not a URL.") from None
    return url.set(drivername="postgresql+psycopg2")


def connect_arguments(settings: Settings) -> dict[str, object]:
    """What libpq is told besides the URL. Nothing here is a start-up parameter of the server:

    poolers such as Neon's refuse those (`options=-c …`). The statement time-out travels
    with each statement instead. Keepalives notice within half a minute a server that has
    vanished without a word.
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
            f"SELECT set_config('role', '{APP_ROLE}', true),"
            f" set_config('statement_timeout', '{timeout}', true),"
            # A viewer's rows are found by an index, however many of the table's they are: what
            # one person asks never reads through everybody's, nor is it worth compiling.
            " set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),"
            " set_config('app.user_id', '%s', true); "
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
            pool_timeout=settings.database_connect_timeout,
            connect_args=connect_arguments(settings),
            # Each new connection would be asked for the hstore type, which nobody here uses.
            use_native_hstore=False,
            hide_parameters=True,
        )
        event.listen(self.engine, "before_cursor_execute", _send_preamble_along, retval=True)

    def connect_as(self, viewer: Viewer) -> "ViewerConnection":
        """A connection on which every statement is the viewer's. It is opened by its first use."""
        return ViewerConnection(self.engine, self.preamble(viewer), viewer)

    def preamble(self, viewer: Viewer) -> str:
        """The statement that says who asks, and bounds the time, until the transaction ends."""
        return self._preamble % viewer.id

    def close(self) -> None:
        """Close the pool's connections."""
        self.engine.dispose()


def _send_preamble_along(
    _connection: Connection,
    _cursor: object,
    statement: str,
    parameters: object,
    context: ExecutionContext | None,
    _executemany: bool,  # noqa: FBT001 - the event's signature
) -> tuple[str, object]:
    """Put the preamble into the same message as the statement.

    PostgreSQL runs a simple-query message of several statements as one implicit
    transaction, so the settings, being local, end with it: one round trip, and nothing is
    left behind on a connection that a pooler hands to somebody else.
    """
    options = {} if context is None else context.execution_options
    return options.get("preamble", "") + statement, parameters


class ViewerConnection:
    """At most one pooled connection, from the first statement until the end of the operation.

    `writes` counts the statements that may have changed something: whoever remembers an
    answer forgets it when this number has moved.
    """

    def __init__(self, engine: Engine, preamble: str, viewer: Viewer) -> None:
        self._engine = engine
        self._preamble = preamble
        # Writers of one user queue up on the user's row, before they look at anything. It is
        # a statement of its own, because the next one then sees what the writer before left.
        self._lock = LOCK % viewer.id
        # The same, and the row is there for certain: also when it is being deleted just now.
        self._appear = APPEAR % viewer.id
        self._connection: Connection | None = None
        self._opening: str | None = None
        self.writes = 0

    def read(self, statement: Executable) -> Sequence[Row[Any]]:
        """Run a statement that changes nothing. Raises Unavailable when the database is away."""
        return self._run(statement, self._preamble)

    def read_prepared(self, sql: str, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The same for a statement that is text already, straight by the driver."""
        text = self._before(self._preamble) + sql
        try:
            with closing(self._connect().connection.cursor()) as cursor:
                cursor.execute(text, values)
                rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
                return rows
        except PoolTimeoutError:
            raise Unavailable("The server is busy. Try again in a moment.") from None
        except DBAPIError as error:  # from the pool
            raise failure_of(error) from None
        except psycopg2.Error as error:
            if error.pgcode is None or error.pgcode.startswith(ENDED):
                self._discard()
            raise failure_of_driver(error) from None

    def write(self, statement: Executable, *, appear: bool = False) -> Sequence[Row[Any]]:
        """Run a statement as the only writer among the viewer's.

        Outside of a `transaction` it has committed, or has changed nothing, when this returns.
        With `appear` the viewer's own row is there, be this their first write or not.
        """
        self.writes += 1
        return self._run(statement, self._before_writing(appear=appear))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several statements as one, from the lock on the viewer's row to COMMIT.

        The viewer's row is there from the start. Within another transaction it is a part of
        that one. Nothing of it has happened when it raises anything but Unavailable.
        """
        if self._opening is not None:
            yield
            return
        self._opening = "BEGIN; " + self._before_writing(appear=True)
        try:
            yield
            self._end("COMMIT")
        except BaseException:
            self._end("ROLLBACK")
            raise
        finally:
            self._opening = None

    def _before_writing(self, *, appear: bool) -> str:
        return self._preamble + (self._appear if appear else self._lock)

    def _run(self, statement: Executable, preamble: str) -> Sequence[Row[Any]]:
        preamble = self._before(preamble)
        try:
            options = {"preamble": preamble}
            return self._connect().execute(statement, execution_options=options).all()
        except PoolTimeoutError:
            raise Unavailable("The server is busy. Try again in a moment.") from None
        except DBAPIError as error:
            if error.connection_invalidated:
                self.close()
            raise failure_of(error) from None

    def _before(self, preamble: str) -> str:
        """What goes before a statement. In a transaction: what opens it, before the first one,
        and nothing before the others, which must not run on another connection when theirs was
        lost.
        """
        if self._opening is None:
            return preamble
        if not self._opening and self._connection is None:
            raise Unavailable("The database is away. Try again in a moment.")
        opening, self._opening = self._opening, ""
        return opening

    def _end(self, command: str) -> None:
        """End the transaction, if it has begun."""
        begun = self._opening == "" and self._connection is not None
        self._opening = ""
        if not begun:
            return
        try:
            self._connect().exec_driver_sql(command)
        except DBAPIError as error:
            # A connection in an unknown state is nobody's.
            self._discard()
            if command == "COMMIT":
                raise failure_of(error) from None

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self.close()

    def close(self) -> None:
        """Give the connection back to the pool."""
        if self._connection is None:
            return
        try:
            self._connection.close()
        except SQLAlchemyError:
            self._connection.invalidate()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
