"""The database's own rules, for what would slip past the checks before it."""

import uuid

import pytest

from todo_graphql.errors import BadUserInput
from todo_graphql.store.database import Database, Viewer
from todo_graphql.store.failures import CONSTRAINTS
from todo_graphql.store.models import metadata
from todo_graphql.store.rows import NewTask
from todo_graphql.store.tasks import Tasks

VIOLATIONS = {
    "ck_tasks_title_length": NewTask(title=""),
    "ck_tasks_description_length": NewTask(title="x", description="x" * 10_001),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_violation_is_a_problem_with_its_field(database: Database, name: str) -> None:
    viewer = Viewer(uuid.uuid4())
    with database.connect_as(viewer) as connection:
        with pytest.raises(BadUserInput) as refused:
            Tasks(connection, viewer).create(VIOLATIONS[name])
        assert connection.read(metadata.tables["users"].select()) == []
    assert f"_{refused.value.extensions['field']}_" in name


def test_every_rule_of_the_tables_is_known() -> None:
    rules = {
        str(constraint.name)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    assert rules == CONSTRAINTS.keys()
