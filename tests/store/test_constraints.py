"""Check constraints, which back the validation of input."""

import uuid

import pytest

from todo_graphql.errors import BadUserInput
from todo_graphql.store.models import Viewer, metadata
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.postgres.errors import CONSTRAINTS
from todo_graphql.store.scope import ViewerScope
from todo_graphql.store.tasks.repository import Tasks
from todo_graphql.store.tasks.rows import NewTask

DAY, INSTANT = "2026-01-31", "2026-01-31T09:30:00Z"
VIOLATIONS = {
    "ck_tasks_title_length": NewTask(title=""),
    "ck_tasks_description_length": NewTask(title="x", description="x" * 10_001),
    "ck_tasks_priority_range": NewTask(title="x", priority=5),
    "ck_tasks_due_exclusive": NewTask(title="x", due_on=DAY, due_at=INSTANT),
    "ck_tasks_tags_number": NewTask(title="x", tags=tuple("abcdefghijklmnopqrstu")),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_check_violation_raises_bad_user_input_with_field(database: Database, name: str) -> None:
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        with pytest.raises(BadUserInput) as refused:
            Tasks(connection).create([VIOLATIONS[name]], ["input"])
        assert connection.read(metadata.tables["users"].select()) == []
    expected = CONSTRAINTS[name]()
    assert expected.message == refused.value.message
    assert expected.extensions == refused.value.extensions


def test_overlong_idempotency_key_raises_bad_user_input_with_field(database: Database) -> None:
    viewer = Viewer(uuid.uuid4())
    long = {"key": "x" * 101, "digest": b"x", "answer": "x"}
    statement = ViewerScope().save_idempotency_key(long, max_keys=1, max_bytes=1)
    with database.connect_as(viewer) as connection:
        with pytest.raises(BadUserInput) as refused:
            connection.write(statement, ensure_user=True)
        assert connection.read(metadata.tables["users"].select()) == []
    assert refused.value.extensions["field"] == "idempotencyKey"


def test_every_check_constraint_has_a_message() -> None:
    rules = {
        str(constraint.name)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    rules.remove("ck_database_history_one_row")  # no client writes this table
    assert rules == CONSTRAINTS.keys() == {*VIOLATIONS, "ck_idempotency_keys_key_length"}
