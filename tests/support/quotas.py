"""Counters of a user's storage, compared with a count of the stored tasks."""

from typing import NamedTuple
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text

from tests.support.administrators import administering
from todo_graphql.store.quota import Quota
from todo_graphql.store.storage import Usage

COUNTERS = """
SELECT task_count, task_bytes, counted_revision = revision AS exact FROM users WHERE id = :id
"""

# Written separately from the expressions of the server.
STORED = """
SELECT title, coalesce(description, ''), tags FROM tasks WHERE user_id = :id
"""


class Counters(NamedTuple):
    """The counters in a user's row, and whether they count every write."""

    usage: Usage
    exact: bool


def counters(url: SecretStr, user_id: UUID) -> Counters:
    """Read the counters of a user; zero without a row."""
    with administering(url) as admin:
        row = admin.execute(text(COUNTERS), {"id": user_id}).one_or_none()
    return Counters(Usage(0, 0), exact=True) if row is None else Counters(Usage(*row[:2]), row[2])


def stored(url: SecretStr, user_id: UUID) -> Usage:
    """Count the tasks of a user, and their bytes in UTF-8."""
    with administering(url) as admin:
        rows = admin.execute(text(STORED), {"id": user_id}).all()
    size = sum(
        len("".join([title, description, *tags]).encode()) for title, description, tags in rows
    )
    return Usage(len(rows), size)


SMALL = Quota(tasks=5, bytes=100)
"""A quota that a test can fill."""
