"""Storage of a user: its usage, and writes within its quota."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Executable, Select

from todo_graphql.store.postgres.connection import ViewerConnection
from todo_graphql.store.postgres.statement_cache import StatementKey, cached_statement
from todo_graphql.store.quota import quota_error
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.statements import Statements
from todo_graphql.store.write_summary import Summary, parse_summary

Result = TypeVar("Result")

ADVICE = "Delete tasks permanently, for example by `emptyTrash`."


class Usage(NamedTuple):
    """Numbers of stored tasks and of their bytes, the trash included."""

    tasks: int
    bytes: int


class Storage(NamedTuple):
    """Usage beside its limits, in the output format."""

    tasks: int
    tasks_limit: int
    bytes: int
    bytes_limit: int


def read_storage(connection: ViewerConnection) -> Storage:
    """Return the usage and the limits of the viewer."""
    statements = Statements(connection)
    usage = _stored_usage(statements)
    if usage is None:
        usage = Usage(*statements.read(counted_storage_statement())[0])
    tasks_limit, bytes_limit = connection.quota
    return Storage(usage.tasks, tasks_limit, usage.bytes, bytes_limit)


def write_within_quota(
    statements: Statements,
    key: StatementKey,
    values: Mapping[str, Any],
    parse: Callable[[Sequence[tuple[Any, ...]]], Result],
    *,
    ensure_user: bool = False,
    growth: tuple[int, int] = (0, 0),
) -> Result:
    """Run a write that changes nothing beyond the quota, and parse its result.

    `parse` raises the errors that have precedence. `growth` are the tasks and bytes that a write
    adds whose result is empty beyond the quota. Raises QuotaExceeded, also for a dry run.
    """
    rows = statements.write(key, values, ensure_user=ensure_user)
    parsed = parse(rows)
    summary = parse_summary(rows[0]) if rows else Summary(*growth, 0, 0, 0)
    if summary.changed or summary.added_bytes <= 0:
        return parsed
    # The lock keeps the counters exact until the second attempt.
    with statements.transaction():
        usage = read_usage(statements)
        added = summary.added_tasks, summary.added_bytes
        error = quota_error(statements.connection.quota._asdict(), usage, added, ADVICE)
        if error is None:
            return parse(statements.write(key, values))
    raise error


def read_usage(statements: Statements) -> Usage:
    """Return the usage, which is counted if the counters are not exact.

    In a transaction, the lock keeps it exact.
    """
    return _stored_usage(statements) or _recounted_usage(statements)


def _stored_usage(statements: Statements) -> Usage | None:
    """Return the usage by the counters; None if they are not exact."""
    rows = statements.read(storage_statement())
    if not rows:
        return Usage(0, 0)
    tasks, size, exact = rows[0]
    return Usage(tasks, size) if exact else None


def _recounted_usage(statements: Statements) -> Usage:
    ((tasks, size),) = statements.write(recount_storage_statement())
    return Usage(tasks, size)


@cached_statement
def storage_statement(scope: ViewerScope) -> Select[Any]:
    return scope.storage()


@cached_statement
def counted_storage_statement(scope: ViewerScope) -> Select[Any]:
    return scope.counted_storage()


@cached_statement
def recount_storage_statement(scope: ViewerScope) -> Executable:
    return scope.recount_storage()
