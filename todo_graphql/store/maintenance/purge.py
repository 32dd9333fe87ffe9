"""Purge of old trash, old tombstones and expired idempotency keys, user by user.

The role `todo_upkeep`, under which it runs, cannot read titles, descriptions and emails. Each batch
of tasks is one short transaction, and takes the owner's lock like every write.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError

from todo_graphql.errors import ExpectedError
from todo_graphql.settings.settings import Settings
from todo_graphql.store.idempotency import RETENTION
from todo_graphql.store.maintenance.upkeep import AS_UPKEEP
from todo_graphql.store.models import MAX_TOMBSTONES
from todo_graphql.store.postgres.engine import migration_engine
from todo_graphql.store.postgres.errors import is_privilege_missing, translate_error

BATCH = 1_000
"""The most tasks or tombstones of a transaction, and the most users that are found at once."""

EXPIRED_TRASH = "deleted_at < now() - :age"
EXPIRED = "created_at < now() - :age"

COUNT_TASKS = text(f"{AS_UPKEEP} SELECT count(*) FROM tasks WHERE {EXPIRED_TRASH}")  # noqa: S608 - constants

FIND_USERS = """
SELECT DISTINCT user_id FROM {table}
WHERE {expired} AND (CAST(:after AS uuid) IS NULL OR user_id > :after)
ORDER BY user_id LIMIT {batch}
"""
TASK_OWNERS = text(AS_UPKEEP + FIND_USERS.format(table="tasks", expired=EXPIRED_TRASH, batch=BATCH))
KEY_OWNERS = text(
    AS_UPKEEP + FIND_USERS.format(table="idempotency_keys", expired=EXPIRED, batch=BATCH)
)
TOMBSTONE_OWNERS = text(
    AS_UPKEEP + FIND_USERS.format(table="tombstones", expired=EXPIRED, batch=BATCH)
)

# The lock is a separate statement, so that the snapshot of the next one includes the changes of
# the previous writer. A batch increments the user's revision.
DELETE_TASKS = text(
    f"""{AS_UPKEEP}
    SELECT FROM users WHERE id = :user FOR NO KEY UPDATE;
    WITH old AS (
        SELECT id FROM tasks WHERE user_id = :user AND {EXPIRED_TRASH} LIMIT {BATCH}
    ), writer AS (
        UPDATE users SET revision = revision + 1 WHERE id = :user AND EXISTS (SELECT FROM old)
        RETURNING revision
    ), deleted AS (
        DELETE FROM tasks WHERE user_id = :user AND id IN (SELECT id FROM old) RETURNING id
    )
    INSERT INTO tombstones (user_id, task_id, revision)
    SELECT :user, deleted.id, writer.revision FROM deleted, writer
    ON CONFLICT (user_id, task_id) DO UPDATE SET revision = excluded.revision,
        created_at = excluded.created_at
    """  # noqa: S608 - constants
)

# A client whose cursor is older than a deleted tombstone starts anew.
DELETE_TOMBSTONES = text(
    f"""{AS_UPKEEP}
    SELECT FROM users WHERE id = :user FOR NO KEY UPDATE;
    WITH old AS (
        SELECT task_id, revision FROM tombstones
        WHERE user_id = :user AND (
            {EXPIRED} OR revision < (
                SELECT revision FROM tombstones WHERE user_id = :user
                ORDER BY revision DESC OFFSET {MAX_TOMBSTONES} LIMIT 1
            )
        )
        ORDER BY revision LIMIT {BATCH}
    ), writer AS (
        UPDATE users SET forgotten_revision =
            greatest(forgotten_revision, (SELECT max(revision) FROM old))
        WHERE id = :user AND EXISTS (SELECT FROM old)
    )
    DELETE FROM tombstones WHERE user_id = :user AND task_id IN (SELECT task_id FROM old)
    """  # noqa: S608 - constants
)

DELETE_KEYS = text(
    f"{AS_UPKEEP} DELETE FROM idempotency_keys WHERE user_id = :user AND {EXPIRED}"  # noqa: S608 - constants
)


class PurgePermissionError(ExpectedError):
    """The role of the URL lacks a privilege for the purge."""


def purge(settings: Settings) -> Iterator[int]:
    """Delete old tasks in the trash, old tombstones, and expired idempotency keys.

    Yields the number of tasks to delete, then the number of deleted tasks of each batch. Raises
    Unavailable if the database is unavailable, and PurgePermissionError.
    """
    engine = migration_engine(settings)
    trash, keys = timedelta(days=settings.trash_days), RETENTION
    age = timedelta(days=settings.tombstone_days)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield int(connection.execute(COUNT_TASKS, {"age": trash}).scalar_one())
            for user in _find_users(connection, TASK_OWNERS, trash):
                yield from _delete_in_batches(connection, DELETE_TASKS, user, trash)
                sum(_delete_in_batches(connection, DELETE_TOMBSTONES, user, age))
            for user in _find_users(connection, TOMBSTONE_OWNERS, age):
                sum(_delete_in_batches(connection, DELETE_TOMBSTONES, user, age))
            for user in _find_users(connection, KEY_OWNERS, keys):
                connection.execute(DELETE_KEYS, {"user": user, "age": keys})
    except DBAPIError as error:
        if is_privilege_missing(error):
            raise PurgePermissionError(
                "This role lacks a privilege for the purge: use the role that migrates, "
                "or GRANT todo_upkeep to it."
            ) from None
        raise translate_error(error) from None
    finally:
        engine.dispose()


def _find_users(connection: Connection, statement: TextClause, age: timedelta) -> Iterator[UUID]:
    """Iterate over the ids of the users with expired rows."""
    after: UUID | None = None
    while users := connection.execute(statement, {"age": age, "after": after}).scalars().all():
        yield from users
        after = users[-1]


def _delete_in_batches(
    connection: Connection, statement: TextClause, user: UUID, age: timedelta
) -> Iterator[int]:
    """Delete old rows of a user. Yields the number of rows of each batch."""
    number = BATCH
    while number == BATCH:
        number = connection.execute(statement, {"user": user, "age": age}).rowcount
        if number:
            yield number
