"""Statements of a page of changes."""

import uuid

import pytest

from tests.support.statements import count_statements
from todo_graphql.store.models import Viewer
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.sync.cursor import SyncCursor
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask


@pytest.mark.parametrize(
    ("has_changed", "expects_changes", "statements"),
    [(False, False, 1), (True, False, 2), (True, True, 1), (False, True, 1)],
)
def test_reader_that_expects_changes_saves_a_statement(
    database: Database, has_changed: bool, expects_changes: bool, statements: int
) -> None:
    with database.connect_as(Viewer(uuid.uuid4())) as connection:
        tasks = Tasks(connection)
        tasks.create([NewTask("a")], ["input"])
        cursor = SyncCursor.decode(tasks.changes(None, 10).cursor, "since")
        if has_changed:
            tasks.create([NewTask("b")], ["input"])
        before = count_statements(connection)
        page = tasks.changes(cursor, 10, expects_changes=expects_changes)
        titles = [change.task.title for change in page.changes if change.task is not None]
        assert titles == ["b"] * has_changed
        assert count_statements(connection) - before == statements
