"""Placeholders of malformed rows, their cost and the names in their problems."""

import uuid
from typing import Any, cast

import pytest
from graphql import OperationDefinitionNode, parse

from tests.support.api_client import Person
from tests.support.differential import Home, data_of
from tests.support.documents import converted_schema, new_schema
from tests.support.pushes import NEW_ID, PUSH, push
from todo_graphql.api.execution.malformed_rows import replace_malformed_rows
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.postgres.engine import Database

TASK: dict[str, Any] = NEW_ID | {"title": "x"}


@pytest.fixture
def home(database: Database) -> Home:
    return Home(database)


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_values_of_a_malformed_row_are_charged(home: Home, executor: ExecutorName) -> None:
    schema = new_schema(executor=executor, expose_cost=True)
    costs = []
    for title in ("x", 5):
        row = {"task": {"id": str(uuid.uuid4()), "title": title, "tags": ["x"] * 20}}
        result = home.ask(schema, PUSH, rows=[row, row])
        assert (result.errors, data_of(result)["pushTasks"]["conflicts"]) == (None, [])
        costs.append((result.extensions or {})["cost"])
    assert costs[0] == costs[1] > 50


@pytest.mark.parametrize("executor", ["projection", "reference"])
def test_problem_names_nothing_that_the_request_does_not_name(
    home: Home, executor: ExecutorName
) -> None:
    schema = new_schema(introspection=False, executor=executor)
    rows = [{"task": TASK | {"titel": "x"}}, {}, {"task": TASK | {"priority": "HIGHEST"}}]
    rejected = data_of(home.ask(schema, PUSH, rows=rows))["pushTasks"]["rejected"]
    assert [one["message"] for one in rejected] == [
        "`rows.0.task` has no field `titel`.",
        "A required field of `rows.1` is missing.",
        "`rows.2.task.priority` has no value `HIGHEST`.",
    ]


def test_row_with_the_id_of_a_placeholder_is_rejected(
    alice: Person,
) -> None:
    """The id is no UUID, so that the row is rejected with and without the malformed one."""
    bad: Any = {"task": TASK | {"title": 5}}
    types = converted_schema().graphql_schema
    operation = cast("OperationDefinitionNode", parse(PUSH).definitions[0])
    replaced = replace_malformed_rows(types, operation, {"rows": [bad]}, hides_names=False)
    copy = replaced.variables["rows"][0]
    assert replaced.rejections.keys() == {copy["task"]["id"]}
    for rows in ([bad, copy], [copy]):
        assert len(push(alice, *rows)["rejected"]) == len(rows)
    assert alice.revision() == 0
