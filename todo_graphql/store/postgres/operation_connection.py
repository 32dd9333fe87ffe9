"""Connection of one operation, which can be aborted, with the timings of its messages."""

import logging
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, cast

import psycopg2
from psycopg2.errors import (
    DatatypeMismatch,
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidSqlStatementName,
    NumericValueOutOfRange,
    UndefinedFunction,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection

from todo_graphql.errors import TOO_LATE, UNAVAILABLE, Unavailable
from todo_graphql.store.postgres.cancellation import Cancelled, SocketCanceller
from todo_graphql.store.postgres.errors import (
    is_connection_lost,
    translate_driver_error,
    translate_error,
)
from todo_graphql.store.postgres.pool import Pool, PooledConnection, driver_connection

logger = logging.getLogger(__name__)

OUTDATED = (DatatypeMismatch, FeatureNotSupported, NumericValueOutOfRange, UndefinedFunction)
"""The errors of a prepared statement whose columns have changed their types."""

Rows = Sequence[tuple[Any, ...]]


class StatementTiming(NamedTuple):
    """Statement that was sent, without its values, and its times in seconds of `perf_counter`."""

    sql: str
    began: float
    ended: float


class ConnectionLost(Unavailable):
    """The connection was lost. The outcome of the statement is unknown."""


class NotSent(ConnectionLost):
    """The statement was not sent."""


class PreparationLost(Unavailable):
    """A prepared statement was absent or outdated. The message has had no effect."""

    def __init__(self) -> None:
        super().__init__(UNAVAILABLE)


class OperationConnection:
    """At most one pooled connection, from the first message on. `timings` lists all messages."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: PoolProxiedConnection | None = None
        self._canceller = SocketCanceller()
        self._wait_started_at: float | None = None
        self.timings: list[StatementTiming] = []

    @property
    def current_wait(self) -> float:
        """Seconds for which the current message has waited for a connection or its result."""
        started_at = self._wait_started_at
        return 0.0 if started_at is None else perf_counter() - started_at

    @property
    def is_aborted(self) -> bool:
        return self._canceller.is_cancelled

    def abort(self) -> None:
        """Cancel the operation from another thread, without PostgreSQL's cooperation.

        The outcome of a message that was sent is unknown. Further messages fail.
        """
        self._canceller.cancel()

    def _connect(self) -> PooledConnection:
        """Return the driver's connection, which the first call checks out."""
        if self._connection is None:
            self._connection = self._checkout()
        return driver_connection(self._connection)

    def _checkout(self) -> PoolProxiedConnection:
        self._wait_started_at = perf_counter()
        try:
            return self._pool.checkout(self._canceller)
        except Cancelled:
            raise Unavailable(TOO_LATE) from None
        except PoolTimeoutError:
            raise Unavailable("The server is busy. Try again in a moment.") from None
        except DBAPIError as error:
            raise translate_error(error) from None
        except psycopg2.Error as error:
            failure = translate_driver_error(error)
            raise (NotSent(str(failure)) if is_connection_lost(error) else failure) from None
        finally:
            self._wait_started_at = None

    def _send(
        self,
        message: str,
        values: Mapping[str, Any] | None,
        sql: str,
        *,
        is_prepared: bool = False,
    ) -> Rows:
        """Send a message, and return the rows of its last statement.

        `timings` contains it as `sql`. `is_prepared` tells whether it executes a prepared one.

        Raises ConnectionLost, PreparationLost, Unavailable or a Problem of its values.
        """
        connection = self._connect()
        self._wait_started_at = began = perf_counter()
        try:
            with connection.cursor() as cursor, self._canceller.watching(connection.fileno()):
                cursor.execute(message, values)
                return cast("Rows", cursor.fetchall() if cursor.description else [])
        except Cancelled:
            raise Unavailable(TOO_LATE) from None
        except (DuplicatePreparedStatement, InvalidSqlStatementName):
            self._pool.sessions.stop_preparing()
            self._discard()
            raise PreparationLost from None
        except OUTDATED as error:
            if not is_prepared:
                raise translate_driver_error(error) from None
            logger.warning("A prepared statement is outdated: %s.", type(error).__name__)
            self._discard()
            raise PreparationLost from None
        except psycopg2.Error as error:
            raise self._failure(error) from None
        finally:
            self._wait_started_at = None
            self.timings.append(StatementTiming(sql, began, perf_counter()))

    def _failure(self, error: psycopg2.Error) -> Exception:
        failure = translate_driver_error(error)
        if not is_connection_lost(error):
            return failure
        self._discard()
        if self._canceller.is_cancelled:
            return Unavailable(TOO_LATE)
        self._pool.invalidate_recent()
        return ConnectionLost(str(failure))

    def _discard(self) -> None:
        """Close the connection, which may be in an unknown state."""
        if self._connection is not None:
            self._pool.discard(self._connection)
            self._connection = None

    def close(self) -> None:
        """Return the connection to the pool, or discard it after a cancellation.

        A cancellation during the last message can break the connection without an error.
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
