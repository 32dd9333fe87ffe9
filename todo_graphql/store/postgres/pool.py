"""Connection pool: SQLAlchemy's pool behind a stack of recently used connections.

SQLAlchemy's pool pings each connection at checkout, which costs a round trip per request
(docs/decisions/0005-pool-of-recent-connections.md). Recently used connections wait on the stack
and skip the ping. They return to SQLAlchemy's pool when a thread waits there, when a connection
was lost, and when they are idle or old.
"""

from contextvars import ContextVar
from time import monotonic
from typing import Any, cast

from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Psycopg2Cursor  # noqa: N812 - it is a class
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from todo_graphql.store.postgres.cancellation import SocketCanceller
from todo_graphql.store.postgres.prepared_statements import PreparedStatements
from todo_graphql.store.postgres.sessions import Sessions

FRESH_SECONDS = 1.0
"""Seconds after its use for which a connection is checked out without a ping."""


CHECKOUT: ContextVar[SocketCanceller | None] = ContextVar("CHECKOUT", default=None)
"""The canceller of the operation that checks out a connection."""


class CheckoutCursor(Psycopg2Cursor):
    """Cursor of a ping, or of the first statements of a connection, which can be cancelled."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        canceller = CHECKOUT.get()
        assert canceller is not None
        with canceller.watching(self.connection.fileno()):
            super().execute(query, vars)


class PooledConnection(Psycopg2Connection):
    """psycopg2 connection with the times of its use, and the statements that it has prepared."""

    prepared: PreparedStatements | None = None
    first_checked_out_at = 0.0
    checked_out_at = 0.0
    returned_at = 0.0

    def cursor(self, *args: Any, **options: Any) -> Any:
        if CHECKOUT.get() is not None:
            options["cursor_factory"] = CheckoutCursor
        return super().cursor(*args, **options)


class Pool:
    """Pool of an engine's connections."""

    def __init__(self, engine: Engine, sessions: Sessions, recycle: float, capacity: int) -> None:
        """Let the engine open up to `capacity` connections.

        Connections that are older than `recycle` seconds are replaced.
        """
        self._engine = engine
        self.sessions = sessions
        self._recycle = recycle
        self._capacity = capacity
        self._held: set[PoolProxiedConnection] = set()  # in use, or on the stack
        self._recent: list[PoolProxiedConnection] = []
        self._waiting = 0
        self._invalidated_at = 0.0

    def checkout(self, canceller: SocketCanceller | None = None) -> PoolProxiedConnection:
        """Return a working connection. The canceller can end the wait for a ping.

        Raises Cancelled, DBAPIError when connecting fails, and SQLAlchemy's TimeoutError when all
        connections are in use.
        """
        connection = self._pop()
        if connection is not None:
            return connection
        token = CHECKOUT.set(canceller)
        try:
            return self._wait()
        finally:
            CHECKOUT.reset(token)

    def give_back(self, connection: PoolProxiedConnection) -> None:
        """Take back a connection that was checked out and not invalidated."""
        own = driver_connection(connection)
        if own.checked_out_at <= self._invalidated_at:
            self._return(connection)
            return
        own.returned_at = monotonic()
        self._recent.append(connection)
        # After the append, so that a thread that begins to wait finds the connection. A thread that
        # opens or pings another one does not need it.
        if self._waiting and len(self._held) >= self._capacity:
            self._return_oldest()

    def discard(self, connection: PoolProxiedConnection) -> None:
        """Close a connection that was checked out and may be broken."""
        self._held.discard(connection)
        connection.invalidate()

    def invalidate_recent(self) -> None:
        """Require a ping of every other connection after one was lost, also of those in use."""
        self._invalidated_at = monotonic()
        while self._recent:
            self._return_oldest()

    @property
    def busy(self) -> int:
        """Number of connections in use."""
        return self._queue.checkedout() - len(self._recent)

    @property
    def idle(self) -> int:
        """Number of open connections that are not in use."""
        return self._queue.checkedin() + len(self._recent)

    @property
    def _queue(self) -> QueuePool:
        return cast("QueuePool", self._engine.pool)

    def close(self) -> None:
        """Close all idle connections."""
        self.invalidate_recent()
        self._engine.dispose()

    def _pop(self) -> PoolProxiedConnection | None:
        try:
            connection = self._recent.pop()
        except IndexError:
            return None
        own, now = driver_connection(connection), monotonic()
        if now - own.returned_at < FRESH_SECONDS and now - own.first_checked_out_at < self._recycle:
            own.checked_out_at = now
            return connection
        self._return(connection)
        return self._pop()

    def _wait(self) -> PoolProxiedConnection:
        self._waiting += 1
        try:
            connection = self._pop() or self._engine.raw_connection()
        finally:
            self._waiting -= 1
        self._held.add(connection)
        own = driver_connection(connection)
        own.checked_out_at = monotonic()
        own.first_checked_out_at = own.first_checked_out_at or own.checked_out_at
        return connection

    def _return_oldest(self) -> None:
        """Return the connection that was idle longest to the engine."""
        try:
            connection = self._recent.pop(0)
        except IndexError:
            return
        self._return(connection)

    def _return(self, connection: PoolProxiedConnection) -> None:
        """Return a connection to the engine, which pings it at its next checkout."""
        self._held.discard(connection)
        connection.close()


def driver_connection(connection: PoolProxiedConnection) -> PooledConnection:
    """Return psycopg2's connection."""
    return connection.dbapi_connection  # type: ignore[return-value]
