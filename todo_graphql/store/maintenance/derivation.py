"""Derivation of all tasks anew, when the definition of text has changed.

Each user's tasks are read and written as this user, in short transactions under the lock on the
user's row. Only the ids of the users are read under the role `todo_upkeep`, which sees no texts.
Derived columns are invisible to clients, so no task takes a revision.
"""

import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import click
from sqlalchemy import Connection, text

from todo_graphql.store.maintenance.upkeep import AS_UPKEEP
from todo_graphql.store.tasks.derived import WEIGHTS, derive

BATCH_TASKS = 100
"""The most tasks of a transaction, for which writers of their user wait: less than a second, or a
few if all descriptions are as long and as unusual as they can be.
"""

BATCH_USERS = 1_000

AFTER = "(CAST(:after AS uuid) IS NULL OR id > :after)"

COUNT_TASKS = f"{AS_UPKEEP} SELECT count(*) FROM tasks"  # noqa: S608 - constants
NEXT_USERS = text(
    f"{AS_UPKEEP} SELECT id FROM users WHERE {AFTER} ORDER BY id LIMIT {BATCH_USERS}"  # noqa: S608
)

AS_USER = text(
    "SELECT set_config('role', 'todo_app', true), set_config('app.user_id', :user_id, true)"
)
LOCK_USER = text("SELECT FROM users WHERE id = :user_id FOR NO KEY UPDATE")
NEXT_TASKS = text(
    f"""
    SELECT id, {", ".join(WEIGHTS)} FROM tasks WHERE user_id = :user_id AND {AFTER}
    ORDER BY id LIMIT {BATCH_TASKS}
    """  # noqa: S608 - constants
)
UPDATE_TASKS = text(
    """
    UPDATE tasks SET title_key = given.title_key, title_order = given.title_order,
        description_key = given.description_key, tag_keys = given.tag_keys, words = given.words
    FROM json_to_recordset(:derived) AS given (
        id uuid, title_key text, title_order text, description_key text, tag_keys text[],
        words tsvector
    )
    WHERE tasks.user_id = :user_id AND tasks.id = given.id AND (
        tasks.title_key, tasks.title_order, tasks.description_key, tasks.tag_keys, tasks.words
    ) IS DISTINCT FROM (
        given.title_key, given.title_order, given.description_key, given.tag_keys, given.words
    )
    """
)


def derive_with_progress(connection: Connection) -> None:
    """Derive all tasks, with a progress bar on a terminal.

    The connection commits each statement that is not in a transaction.
    """
    (number,) = connection.exec_driver_sql(COUNT_TASKS).one()
    with click.progressbar(
        length=number, label="Deriving tasks", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        for user_id in _users(connection):
            for done in _derive_user(connection, user_id):
                bar.update(done)


def _users(connection: Connection) -> Iterator[uuid.UUID]:
    after: uuid.UUID | None = None
    while ids := connection.execute(NEXT_USERS, {"after": after}).scalars().all():
        yield from ids
        after = ids[-1]


def _derive_user(connection: Connection, user_id: uuid.UUID) -> Iterator[int]:
    """Derive the tasks of a user. Yields the number of tasks of each batch."""
    after: uuid.UUID | None = None
    number = BATCH_TASKS
    while number == BATCH_TASKS:
        rows = _derive_batch(connection, user_id, after)
        number = len(rows)
        after = rows[-1].id if rows else None
        yield number


def _derive_batch(
    connection: Connection, user_id: uuid.UUID, after: uuid.UUID | None
) -> Sequence[Any]:
    """Derive the next tasks of a user in one transaction, and return them."""
    own = {"user_id": user_id}
    connection.exec_driver_sql("BEGIN")
    try:
        connection.execute(AS_USER, {"user_id": str(user_id)})
        connection.execute(LOCK_USER, own)
        rows = connection.execute(NEXT_TASKS, {**own, "after": after}).all()
        derived = [
            {"id": str(task_id), **derive(dict(zip(WEIGHTS, texts, strict=True)))}
            for task_id, *texts in rows
        ]
        if derived:
            connection.execute(UPDATE_TASKS, {**own, "derived": json.dumps(derived)})
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    return rows
