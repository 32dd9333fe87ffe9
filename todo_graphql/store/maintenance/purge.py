"""Purge of old trash and expired idempotency keys of all users, under the role `todo_upkeep`.

The role cannot read titles, descriptions and emails. Each batch is one short transaction, and
takes the owners' locks like every write.
"""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import ExpectedError
from todo_graphql.settings.settings import Settings
from todo_graphql.store.idempotency import RETENTION
from todo_graphql.store.postgres.engine import migration_engine
from todo_graphql.store.postgres.errors import is_privilege_missing, translate_error

BATCH = 1_000
SET_ROLE = "SELECT set_config('role', 'todo_upkeep', true); "

EXPIRED_TRASH = "deleted_at < now() - :age"

COUNT_TASKS = text(f"{SET_ROLE} SELECT count(*) FROM tasks WHERE {EXPIRED_TRASH}")  # noqa: S608 - constants

# A purge increments the revision of each affected user.
DELETE_TASKS = text(
    f"""{SET_ROLE}
    WITH old AS (
        SELECT user_id, id FROM tasks WHERE {EXPIRED_TRASH} LIMIT {BATCH}
    ), owners AS (
        SELECT id FROM users WHERE id IN (SELECT user_id FROM old)
        ORDER BY id FOR NO KEY UPDATE
    ), gone AS (
        DELETE FROM tasks USING old, owners
        WHERE tasks.user_id = owners.id AND tasks.user_id = old.user_id AND tasks.id = old.id
            AND tasks.{EXPIRED_TRASH}
        RETURNING tasks.user_id
    ), counted_on AS (
        UPDATE users SET revision = revision + 1 WHERE id IN (SELECT user_id FROM gone)
    )
    SELECT count(*) FROM gone
    """  # noqa: S608 - constants
)

DELETE_KEYS = text(
    f"""{SET_ROLE}
    WITH gone AS (
        DELETE FROM idempotency_keys WHERE (user_id, key) IN (
            SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - :age LIMIT {BATCH}
        ) RETURNING key
    )
    SELECT count(*) FROM gone
    """  # noqa: S608 - constants
)


class PurgePermissionError(ExpectedError):
    """The role of the URL lacks a privilege for the purge."""


def purge(settings: Settings) -> Iterator[int]:
    """Delete old tasks in the trash, and expired idempotency keys.

    Yields the number of tasks to delete, then the number of deleted tasks of each batch. Raises
    Unavailable if the database is unavailable, and PurgePermissionError.
    """
    engine = migration_engine(settings)
    trash, keys = timedelta(days=settings.trash_days), RETENTION
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield _count(connection, COUNT_TASKS, trash)
            yield from _run_batches(connection, DELETE_TASKS, trash)
            for _ in _run_batches(connection, DELETE_KEYS, keys):
                pass
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise PurgePermissionError(
                "This role lacks a privilege for the purge: use the role that migrates, "
                "or GRANT todo_upkeep to it."
            ) from None
        raise translate_error(error) from None
    finally:
        engine.dispose()


def _run_batches(connection: Connection, statement: TextClause, age: timedelta) -> Iterator[int]:
    while number := _count(connection, statement, age):
        yield number


def _count(connection: Connection, statement: TextClause, age: timedelta) -> int:
    return int(connection.execute(statement, {"age": age}).scalar_one())
