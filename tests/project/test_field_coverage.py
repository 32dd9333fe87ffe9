"""The places that know every field of a task: one that a new field is missing from fails here."""

import uuid
from dataclasses import fields, replace
from typing import Any

import pytest
from strawberry.types import get_object_definition

from tests.support.administrators import administering
from tests.support.data_files import HEADER
from tests.support.filter_model import COMPARATORS
from tests.support.plans import INDEXES
from tests.support.task_lists import VALUES
from todo_graphql.api import filters
from todo_graphql.api.comparators import camel
from todo_graphql.api.documents.value_rules import CONTENT
from todo_graphql.api.enums import TaskOrderField
from todo_graphql.api.mutations import task_inputs
from todo_graphql.api.mutations.task_values import TaskValues, TaskValuesInput
from todo_graphql.api.sync.task_states import PushTaskInput, TaskState
from todo_graphql.settings.settings import Settings
from todo_graphql.store.models import Priority
from todo_graphql.store.tasks.ordering import OrderField
from todo_graphql.store.tasks.rows import NewTask, TaskRow
from todo_graphql.store.tasks.values import updates
from todo_graphql.store.tasks.values.rows import EDITABLE, TaskValuesRow

NOT_COMPARED = {"completed", "due", "and_", "or_", "not_"}
"""The fields of a condition that are not comparators of one column."""

NOT_IN_FILES = {"completed", "updated_at", "revision", "position"}
"""The fields of a task that follow from others, or that an import cannot set."""

CHANGED: dict[str, Any] = {
    "title": "other",
    "description": "other",
    "priority": Priority.HIGH,
    "due_on": "2030-01-01",
    "due_at": "2030-01-01T00:00:00Z",
    "tags": ("other",),
    "completed": True,
}
"""Another value of each field that a client sets by createTask."""

ONLY_IMPORTED = {"id", "completed_at", "created_at", "deleted_at"}


def names_of(kind: type) -> set[str]:
    """Return the names of the fields of a GraphQL type."""
    definition = get_object_definition(kind, strict=True)
    return {field.python_name for field in definition.fields}


def condition_fields() -> set[str]:
    return names_of(filters.TaskConditionInput)


def test_every_comparator_has_a_column_and_a_model() -> None:
    compared = condition_fields() - NOT_COMPARED
    assert set(filters.COLUMNS) == compared
    assert set(COMPARATORS) == set(map(camel, compared))


def test_every_order_has_an_index_and_a_model() -> None:
    assert set(INDEXES) == set(OrderField) - {OrderField.RELEVANCE}
    assert set(VALUES) == {member.name for member in TaskOrderField}
    assert set(VALUES) == set(OrderField.__members__)


def test_files_have_every_field() -> None:
    names = [camel(name) for name in TaskRow._fields if name not in NOT_IN_FILES]
    assert sorted(HEADER.split(",")) == sorted(names)


def test_values_have_every_editable_field() -> None:
    """An undo restores what an update changes."""
    assert set(task_inputs.COLUMNS) | {"completed_at"} == set(EDITABLE)
    assert names_of(TaskValues) == set(TaskValuesRow._fields)
    assert names_of(TaskValuesInput) == set(TaskValuesRow._fields)
    assert set(TaskValuesRow._fields) <= updates.RECORD.keys()
    assert set(task_inputs.PARSERS) <= set(EDITABLE)


def test_every_input_of_a_task_is_content() -> None:
    """Null in a field of content is a value, and in a filter a missing one."""
    given = (task_inputs.CreateTaskInput, task_inputs.UpdateTaskInput, task_inputs.UpdateTasksInput)
    states = (TaskValuesInput, PushTaskInput, TaskState)
    assert set(CONTENT) == {kind.__name__ for kind in (*given, *states)}
    assert set(task_inputs.COLUMNS) <= names_of(task_inputs.CreateTaskInput)
    assert set(task_inputs.COLUMNS) <= names_of(task_inputs.UpdateTasksInput)


@pytest.mark.parametrize("name", [field.name for field in fields(NewTask)])
def test_every_field_of_a_create_distinguishes_it(name: str) -> None:
    if name in ONLY_IMPORTED:
        assert name not in CHANGED
        return
    task = NewTask("title", id=uuid.UUID(int=1))
    assert replace(task, **{name: CHANGED[name]}).digest() != task.digest()


def test_application_role_may_update_every_editable_column(settings: Settings) -> None:
    with administering(settings.required_database_url()) as admin:
        granted = admin.exec_driver_sql(
            "SELECT column_name FROM information_schema.column_privileges"
            " WHERE table_name = 'tasks' AND privilege_type = 'UPDATE' AND grantee = 'todo_app'"
        ).scalars()
        assert set(task_inputs.COLUMNS) <= set(granted)
