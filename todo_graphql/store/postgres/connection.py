"""A connection that tells PostgreSQL who is asking."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import psycopg2
from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection

from todo_graphql.errors import OUTCOME_UNKNOWN, TOO_LATE, Unavailable
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.cancellation import Cancelled, SocketCanceller
from todo_graphql.store.postgres.errors import (
    is_connection_lost,
    translate_driver_error,
    translate_error,
)
from todo_graphql.store.postgres.pool import Pool
from todo_graphql.store.postgres.statement_cache import CompiledStatement, compile_statement

# Writers of one user queue up on the user's row, before they look at anything. It is a statement
# of its own, because the next one then sees what the writer before left.
LOCK_USER = "SELECT FROM users WHERE id = '%s' FOR NO KEY UPDATE; "
# The same, and the row is there for certain: also when it is being deleted just now.
UPSERT_USER = (
    "INSERT INTO users (id) VALUES ('%s')"
    " ON CONFLICT (id) DO UPDATE SET revision = users.revision; "
)
NO_VALUES: Mapping[str, Any] = {}

Rows = Sequence[tuple[Any, ...]]


class StatementTiming(NamedTuple):
    """A statement that was sent, without its values, and when: seconds of `perf_counter`."""

    sql: str
    began: float
    ended: float


class ConnectionLost(Unavailable):
    """The connection has ended. Whether the statement was executed is not known."""


class NotSent(ConnectionLost):
    """There was no connection to be had, so nothing was executed."""


class ViewerConnection:
    """At most one pooled connection, from the first statement until the end of the operation.

    `writes` counts the statements that may have changed something: whoever remembers an
    answer forgets it when this number has moved. `may_have_committed` is whether the COMMIT of a
    transaction has been on its way. `timings` has all statements, for whoever wants
    to know where the time went.
    """

    def __init__(self, pool: Pool, preamble: str, viewer: Viewer) -> None:
        """The preamble has a place for the viewer's id."""
        own_id = str(viewer.id)
        self._pool = pool
        self._preamble = preamble % own_id
        # What `ViewerScope` asks for: whose rows.
        self._own = {"viewer": own_id, "email": viewer.email}
        self._connection: PoolProxiedConnection | None = None
        self._pending_begin: str | None = None
        self._canceller = SocketCanceller()
        self._wait_started_at: float | None = None
        self.writes = 0
        self.may_have_committed = False
        self.timings: list[StatementTiming] = []

    def read(
        self, statement: CompiledStatement | Executable, values: Mapping[str, Any] = NO_VALUES
    ) -> Rows:
        """Run a statement that changes nothing. Where the connection turns out to be lost, it is
        run once more on another. Raises Unavailable when the database is away.
        """
        try:
            return self._run(self._preamble, statement, values)
        except ConnectionLost:
            if self._pending_begin is not None:
                raise
            return self._run(self._preamble, statement, values)

    def write(
        self,
        statement: CompiledStatement | Executable,
        values: Mapping[str, Any] = NO_VALUES,
        *,
        ensure_user: bool = False,
    ) -> Rows:
        """Run a statement as the only writer among the viewer's.

        Outside of a `transaction` it has committed, or has changed nothing, when this returns.
        With `ensure_user` the viewer's own row is there, be this their first write or not.
        """
        self.writes += 1
        try:
            return self._run(self._before_writing(ensure_user=ensure_user), statement, values)
        except NotSent:
            raise
        except ConnectionLost:
            if self._pending_begin is not None:  # there will be no COMMIT, so nothing was done
                raise
            raise ConnectionLost(OUTCOME_UNKNOWN) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several statements as one, from the lock on the viewer's row to COMMIT.

        The viewer's row is there from the start. Within another transaction it is a part of
        that one. Nothing of it has happened when it raises anything but Unavailable.
        """
        if self._pending_begin is not None:
            yield
            return
        self._pending_begin = "BEGIN; " + self._before_writing(ensure_user=True)
        try:
            yield
            self._end("COMMIT")
        except BaseException:
            self._end("ROLLBACK")
            raise
        finally:
            self._pending_begin = None

    def _before_writing(self, *, ensure_user: bool) -> str:
        first = UPSERT_USER if ensure_user else LOCK_USER
        return self._preamble + first % self._own["viewer"]

    def _run(
        self, preamble: str, statement: CompiledStatement | Executable, values: Mapping[str, Any]
    ) -> Rows:
        if not isinstance(statement, CompiledStatement):
            statement = compile_statement(statement)
        # PostgreSQL runs a simple-query message of several statements as one implicit
        # transaction, so the preamble's settings, being local, end with it: one round trip, and
        # nothing is left behind on a connection that a pooler hands to somebody else.
        return self._execute(statement.sql, self._before(preamble), {**values, **self._own})

    def _execute(self, sql: str, before: str = "", values: Mapping[str, Any] | None = None) -> Rows:
        self._wait_started_at = perf_counter()
        try:
            connection = cast("Any", self._connect())
            began = perf_counter()
            watching = self._canceller.watching(connection.fileno())
            try:
                with closing(connection.cursor()) as cursor, watching:
                    cursor.execute(before + sql, values)
                    return cast("Rows", cursor.fetchall() if cursor.description else [])
            finally:
                self.timings.append(StatementTiming(sql, began, perf_counter()))
        except Cancelled:
            raise Unavailable(TOO_LATE) from None
        except PoolTimeoutError:
            raise Unavailable("The server is busy. Try again in a moment.") from None
        except DBAPIError as error:  # from the pool
            raise translate_error(error) from None
        except psycopg2.Error as error:
            raise self._failure(error) from None
        finally:
            self._wait_started_at = None

    def _failure(self, error: psycopg2.Error) -> Exception:
        failure = translate_driver_error(error)
        if not is_connection_lost(error):
            return failure
        if self._connection is None:
            return NotSent(str(failure))
        self._discard()
        if self._canceller.is_cancelled:
            return Unavailable(TOO_LATE)
        self._pool.invalidate_recent()
        return ConnectionLost(str(failure))

    @property
    def current_wait(self) -> float:
        """Seconds for which a statement has been waiting here, for a connection or its answer."""
        asked_at = self._wait_started_at
        return 0.0 if asked_at is None else perf_counter() - asked_at

    def abort(self) -> None:
        """Break off what is being done here, from another thread, whatever PostgreSQL does.

        Nothing follows. What a statement that was on its way has done is not known.
        """
        self._canceller.cancel()

    def _before(self, preamble: str) -> str:
        """What goes before a statement. In a transaction: what opens it, before the first one,
        and nothing before the others, which must not run on another connection when theirs was
        lost.
        """
        if self._pending_begin is None:
            return preamble
        if not self._pending_begin and self._connection is None:
            raise Unavailable("The database is unavailable. Try again in a moment.")
        opening, self._pending_begin = self._pending_begin, ""
        return opening

    def _end(self, command: str) -> None:
        """End the transaction, if it has begun."""
        begun = self._pending_begin == "" and self._connection is not None
        self._pending_begin = ""
        if not begun:
            return
        self.may_have_committed |= command == "COMMIT"
        try:
            self._execute(command)
        except ConnectionLost:
            if command == "COMMIT":
                raise ConnectionLost(OUTCOME_UNKNOWN) from None
        except Exception:
            # A connection in an unknown state is nobody's.
            self._discard()
            if command == "COMMIT":
                raise

    def _connect(self) -> PoolProxiedConnection:
        if self._connection is None:
            self._connection = self._pool.checkout()
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None

    def close(self) -> None:
        """Give the connection back to the pool, unless it was broken off: that may have come just
        as its last answer was there, and then nobody knows yet that it is of no use.
        """
        if self._canceller.is_cancelled:
            self._discard()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            self._pool.give_back(connection)
        except SQLAlchemyError:
            connection.invalidate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
