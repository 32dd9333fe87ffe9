"""Database connection of one viewer, which sends the viewer's id with each statement."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Executable, text

from todo_graphql.errors import OUTCOME_UNKNOWN, UNAVAILABLE, Unavailable
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.operation_connection import (
    ConnectionLost,
    NotSent,
    OperationConnection,
    PreparationLost,
    Rows,
)
from todo_graphql.store.postgres.pool import Pool, PooledConnection
from todo_graphql.store.postgres.preamble import Preamble
from todo_graphql.store.postgres.prepared_statements import PreparedStatements
from todo_graphql.store.postgres.statement_cache import CompiledStatement, compile_statement
from todo_graphql.store.quota import Quota

# Writers of one user queue on the lock of the user's row. The lock is a separate statement, so
# that the snapshot of the next one includes the previous writer's changes.
LOCK_USER = compile_statement(
    text("SELECT FROM users WHERE id = :viewer FOR NO KEY UPDATE"), can_be_prepared=True
)
# The same lock, and the row exists afterwards, also after a concurrent deletion.
UPSERT_USER = compile_statement(
    text(
        "INSERT INTO users (id) VALUES (:viewer)"
        " ON CONFLICT (id) DO UPDATE SET revision = users.revision"
    ),
    can_be_prepared=True,
)
NO_VIEWER = str(uuid.UUID(int=0))
NO_VALUES: Mapping[str, Any] = {}


class ViewerConnection(OperationConnection):
    """Connection of one viewer's operation.

    `writes` counts the write statements; caches of rows are valid while it is unchanged.
    `may_have_committed` tells whether a COMMIT was sent. `on_write` is called at the end of an
    operation that has written, successfully or not.
    """

    def __init__(
        self,
        pool: Pool,
        preamble: Preamble,
        viewer: Viewer,
        quota: Quota,
        on_write: Callable[[str], None],
    ) -> None:
        super().__init__(pool)
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
        self._pending_begin: str | None = None
        self._on_write = on_write
        self.writes = 0
        self.may_have_committed = False

    @property
    def prepares_statements(self) -> bool:
        """Return whether the connection, which is opened if necessary, prepares statements."""
        return self._connect().prepared is not None and self._pool.sessions.may_prepare

    def read(
        self, statement: CompiledStatement | Executable, values: Mapping[str, Any] = NO_VALUES
    ) -> Rows:
        """Run a read-only statement, and retry it once on another connection if its own was lost.

        Raises Unavailable when the database is unavailable.
        """
        try:
            return self._run(None, statement, values)
        except ConnectionLost:
            if self._pending_begin is not None:
                raise
            return self._run(None, statement, values)

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
            return self._run(UPSERT_USER if ensure_user else LOCK_USER, statement, values)
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

    def _run(
        self,
        lock: CompiledStatement | None,
        statement: CompiledStatement | Executable,
        values: Mapping[str, Any],
    ) -> Rows:
        if not isinstance(statement, CompiledStatement):
            statement = compile_statement(statement)
        begin = self._pending_begin
        if begin is not None:
            lock = UPSERT_USER if begin else None
        try:
            return self._execute(lock, statement, values)
        except PreparationLost:
            if begin == "":
                raise
            self._pending_begin = begin
            return self._execute(lock, statement, values, may_prepare=False)

    def _execute(
        self,
        lock: CompiledStatement | None,
        statement: CompiledStatement,
        values: Mapping[str, Any],
        *,
        may_prepare: bool = True,
    ) -> Rows:
        connection = self._connect()
        prepared = connection.prepared if may_prepare and self._pool.sessions.may_prepare else None
        statements = (statement,) if lock is None else (lock, statement)
        texts = [one.sql for one in statements]
        is_prepared = False
        if prepared is not None:
            self._prepare_frequent(prepared, statements)
            is_prepared = any(one in prepared for one in statements)
            texts = [one.execution if one in prepared else one.sql for one in statements]
        # PostgreSQL runs the statements of one simple-query message in one implicit transaction,
        # with which the local settings of the preamble end. This takes one round trip, and is
        # safe behind a pooler that shares server connections.
        message = self._before() + "; ".join(texts)
        values = {**values, **self._own}
        return self._send(message, values, statement.sql, is_prepared=is_prepared)

    def _prepare_frequent(
        self, prepared: PreparedStatements, statements: Sequence[CompiledStatement]
    ) -> None:
        """Count an execution of each statement, and prepare frequent ones by further messages."""
        for statement in statements:
            if prepared.count_execution(statement):
                self._prepare(prepared.add(statement))

    def _prepare(self, commands: str) -> None:
        # The session keeps the message, which therefore names no viewer.
        settings = "" if self._pending_begin == "" else self._preamble.format(NO_VIEWER)
        try:
            self._send(settings + commands, None, commands)
        except PreparationLost:
            raise
        except ConnectionLost as lost:
            raise NotSent(lost.message) from None
        except BaseException:
            # What the session has prepared is unknown.
            self._discard()
            raise

    def _before(self) -> str:
        """Return the text that precedes the statements: in a transaction, BEGIN once."""
        begin = self._pending_begin
        if begin == "":
            return ""
        if begin is not None:
            self._pending_begin = ""
        return (begin or "") + self._preamble.format(self.viewer_id)

    def _end(self, command: str) -> None:
        """End the transaction, if it has begun."""
        begun = self._pending_begin == "" and self._connection is not None
        self._pending_begin = ""
        if not begun:
            return
        self.may_have_committed |= command == "COMMIT"
        try:
            self._send(command, None, command)
        except ConnectionLost:
            if command == "COMMIT":
                raise ConnectionLost(OUTCOME_UNKNOWN) from None
        except Exception:
            # A connection in an unknown state must not return to the pool.
            self._discard()
            if command == "COMMIT":
                raise

    def _connect(self) -> PooledConnection:
        """Return the connection of the operation.

        Raises Unavailable if the connection was lost within a transaction: a further statement
        must not run on another connection.
        """
        if self._connection is None and self._pending_begin == "":
            raise Unavailable(UNAVAILABLE)
        return super()._connect()

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
