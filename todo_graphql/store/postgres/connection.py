"""Database connection of one viewer, which sends the viewer's id with each statement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from todo_graphql.store.postgres.pool import Pool, driver_connection
from todo_graphql.store.postgres.preamble import Preamble
from todo_graphql.store.postgres.statement_cache import CompiledStatement, compile_statement
from todo_graphql.store.quota import Quota

# Writers of one user queue on the lock of the user's row. The lock is a separate statement, so
# that the snapshot of the next one includes the previous writer's changes.
LOCK_USER = "SELECT FROM users WHERE id = '%s' FOR NO KEY UPDATE; "
# The same lock, and the row exists afterwards, also after a concurrent deletion.
UPSERT_USER = (
    "INSERT INTO users (id) VALUES ('%s')"
    " ON CONFLICT (id) DO UPDATE SET revision = users.revision; "
)
NO_VALUES: Mapping[str, Any] = {}

Rows = Sequence[tuple[Any, ...]]


class StatementTiming(NamedTuple):
    """Statement that was sent, without its values, and its times in seconds of `perf_counter`."""

    sql: str
    began: float
    ended: float


class ConnectionLost(Unavailable):
    """The connection was lost. The outcome of the statement is unknown."""


class NotSent(ConnectionLost):
    """No connection was available, so the statement was not sent."""


class ViewerConnection:
    """Connection of one operation: at most one pooled connection, from the first statement on.

    `writes` counts the write statements; caches of rows are valid while it is unchanged.
    `may_have_committed` tells whether a COMMIT was sent. `timings` lists all statements. `on_write`
    is called at the end of an operation that has written, successfully or not.
    """

    def __init__(
        self,
        pool: Pool,
        preamble: Preamble,
        viewer: Viewer,
        quota: Quota,
        on_write: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._preamble = preamble
        self.viewer_id = viewer.key
        # The parameters of `ViewerScope`.
        self._own = {
            "viewer": self.viewer_id,
            "email": viewer.email,
            "tasks_limit": quota.tasks,
            "bytes_limit": quota.bytes,
        }
        self.quota = quota
        self._connection: PoolProxiedConnection | None = None
        self._pending_begin: str | None = None
        self._canceller = SocketCanceller()
        self._wait_started_at: float | None = None
        self._on_write = on_write
        self.writes = 0
        self.may_have_committed = False
        self.timings: list[StatementTiming] = []

    def read(
        self, statement: CompiledStatement | Executable, values: Mapping[str, Any] = NO_VALUES
    ) -> Rows:
        """Run a read-only statement, and retry it once on another connection if its own was lost.

        Raises Unavailable when the database is unavailable.
        """
        try:
            return self._run("", statement, values)
        except ConnectionLost:
            if self._pending_begin is not None:
                raise
            return self._run("", statement, values)

    def write(
        self,
        statement: CompiledStatement | Executable,
        values: Mapping[str, Any] = NO_VALUES,
        *,
        ensure_user: bool = False,
    ) -> Rows:
        """Run a statement under the lock on the viewer's row, which `ensure_user` creates.

        Outside of a `transaction` the statement has committed when this method returns.
        """
        self.writes += 1
        try:
            return self._run(self._lock(ensure_user=ensure_user), statement, values)
        except NotSent:
            raise
        except ConnectionLost:
            if self._pending_begin is not None:  # without COMMIT, PostgreSQL rolls back
                raise
            raise ConnectionLost(OUTCOME_UNKNOWN) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run several statements in one transaction, under the lock on the viewer's row.

        Creates the viewer's row. A nested transaction joins the outer one. An exception rolls
        the transaction back; after Unavailable its outcome can be unknown.
        """
        if self._pending_begin is not None:
            yield
            return
        self._pending_begin = "BEGIN; "
        try:
            yield
            self._end("COMMIT")
        except BaseException:
            self._end("ROLLBACK")
            raise
        finally:
            self._pending_begin = None

    def _lock(self, *, ensure_user: bool) -> str:
        return (UPSERT_USER if ensure_user else LOCK_USER) % self.viewer_id

    def _run(
        self, lock: str, statement: CompiledStatement | Executable, values: Mapping[str, Any]
    ) -> Rows:
        if not isinstance(statement, CompiledStatement):
            statement = compile_statement(statement)
        # PostgreSQL runs the statements of one simple-query message in one implicit transaction,
        # with which the local settings of the preamble end. This takes one round trip, and is
        # safe behind a pooler that shares server connections.
        return self._execute(statement.sql, lock, {**values, **self._own})

    def _execute(
        self, sql: str, lock: str | None = None, values: Mapping[str, Any] | None = None
    ) -> Rows:
        """Send a statement, behind the preamble and the lock unless `lock` is None."""
        self._wait_started_at = perf_counter()
        try:
            connection: Any = driver_connection(self._connect())
            # The first connection of the process tells the form of the preamble.
            before = "" if lock is None else self._before(lock)
            began = perf_counter()
            try:
                with (
                    connection.cursor() as cursor,
                    self._canceller.watching(connection.fileno()),
                ):
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
        """Seconds for which the current statement has waited for a connection or its result."""
        started_at = self._wait_started_at
        return 0.0 if started_at is None else perf_counter() - started_at

    @property
    def is_aborted(self) -> bool:
        return self._canceller.is_cancelled

    def abort(self) -> None:
        """Cancel the operation from another thread, without PostgreSQL's cooperation.

        The outcome of a statement that was sent is unknown. Further statements fail.
        """
        self._canceller.cancel()

    def _before(self, lock: str) -> str:
        """Return the text that precedes a statement: in a transaction, BEGIN once."""
        if self._pending_begin is None:
            return self._preamble.format(self.viewer_id) + lock
        if not self._pending_begin:
            return ""
        begin, self._pending_begin = self._pending_begin, ""
        return begin + self._preamble.format(self.viewer_id) + self._lock(ensure_user=True)

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
            # A connection in an unknown state must not return to the pool.
            self._discard()
            if command == "COMMIT":
                raise

    def _connect(self) -> PoolProxiedConnection:
        """Return the connection of the operation.

        Raises Unavailable if the connection was lost within a transaction: a further statement
        must not run on another connection.
        """
        if self._connection is None:
            if self._pending_begin == "":
                raise Unavailable("The database is unavailable. Try again in a moment.")
            self._connection = self._pool.checkout(self._canceller)
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            self._pool.discard(self._connection)
            self._connection = None

    def close(self) -> None:
        """Return the connection to the pool, or discard it after a cancellation.

        A cancellation during the last statement can break the connection without an error.
        """
        if self._canceller.is_cancelled:
            self._discard()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            self._pool.give_back(connection)
        except SQLAlchemyError:
            self._pool.discard(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if self.writes:
            self._on_write(self.viewer_id)
