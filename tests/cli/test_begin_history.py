"""`todo-graphql begin-history`: cursors of the earlier history are no longer valid."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.commands import refusal, run
from tests.support.servers import migrated_database, scratch_database, settings_for
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.sync.changes import Changes
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

ALICE = Viewer(uuid.UUID(int=1))


@pytest.fixture
def url(postgresql: SecretStr) -> Iterator[SecretStr]:
    """URL of a separate database, because a history is that of all users."""
    with migrated_database(postgresql) as own:
        yield own


def read_since(url: SecretStr, cursor: str | None) -> Changes:
    database = Database(settings_for(url))
    with database.connect_as(ALICE) as connection:
        since = None if cursor is None else SyncCursor.decode(cursor, "since")
        changes = Tasks(connection).changes(since, 10)
    database.close()
    return changes


@pytest.mark.no_cover
def test_another_history_resets_the_cursors_of_clients(url: SecretStr, tmp_path: Path) -> None:
    database = Database(settings_for(url))
    with database.connect_as(ALICE) as connection:
        Tasks(connection).create([NewTask("a")], ["input"])
    database.close()
    start = read_since(url, None)
    assert not read_since(url, start.cursor).reset
    finished = run("begin-history", folder=tmp_path, DATABASE_URL=url.get_secret_value())
    history = finished.stdout.split()[-1].rstrip(".")
    assert (finished.returncode, str(uuid.UUID(history))) == (0, history)
    again = read_since(url, start.cursor)
    assert (again.reset, len(again.changes)) == (True, 1)
    assert SyncCursor.decode(again.cursor, "since").history == history
    assert not read_since(url, again.cursor).reset


@pytest.mark.no_cover
def test_history_of_a_database_without_tables_is_refused(
    postgresql: SecretStr, tmp_path: Path
) -> None:
    with scratch_database(postgresql) as empty:
        message = refusal("begin-history", folder=tmp_path, DATABASE_URL=empty.get_secret_value())
    assert "migrate" in message
