"""Fallback to graphql-core: results are kept, and nothing is executed twice."""

from typing import Any

import pytest
from graphql import parse
from graphql.language.parser import MAX_NESTING_DEPTH

from tests.support.differential import FAST, REFERENCE, Home, canonical, data_of, takeovers
from todo_graphql.api.execution import executor
from todo_graphql.store.postgres.engine import Database


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


@pytest.fixture
def taken_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return takeovers(monkeypatch)


def test_invalid_null_calls_no_resolver(home: Home) -> None:
    """Validation allows null for a variable with a default."""
    document = 'query ($id: ID = "x") { task(id: $id) { title } }'
    fast = home.ask(FAST, document, id=None)
    assert home.columns == []
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, id=None))
    assert [error.path for error in fast.errors or ()] == [["task"]]


def test_missing_variable_executes_nothing(home: Home) -> None:
    document = """mutation ($new: CreateTaskInput!) {
        createTask(input: {title: "never"}) { revision }
        createTasks(input: [$new]) { revision }
    }"""
    assert canonical(home.ask(FAST, document)) == canonical(home.ask(REFERENCE, document))
    count = '{ tasks(filter: {title: {eq: "never"}}) { totalCount } }'
    assert data_of(home.ask(FAST, count)) == {"tasks": {"totalCount": 0}}


def test_deep_inputs_return_equal_errors(home: Home) -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_NESTING_DEPTH + 5):
        deep = {"not": deep}
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    fast = home.ask(FAST, document, filter=deep)
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, filter=deep))
    assert [error.message for error in fast.errors or ()] == [
        f"Variables can be nested at most {MAX_NESTING_DEPTH} levels deep."
    ]


def test_unknown_operation_name_is_not_cached() -> None:
    document = parse("query A { me { id } }")
    planned = executor.OperationExecutor(FAST.graphql_schema, document)
    assert planned.execute("B", {}, Any) is None  # type: ignore[arg-type]
    assert planned._compiled == {}


def test_graphql_core_takes_over_at_the_failed_root_field(
    home: Home, taken_over: list[str]
) -> None:
    document = """query ($task: ID!) {
        a: task(id: $task) { title } b: task(id: "x") { title } c: task(id: $task) { title }
    }"""
    result = home.ask(FAST, document)
    assert taken_over == ["b"]
    assert len(home.columns) == 3
    assert data_of(result) == {"a": {"title": "a"}, "b": None, "c": {"title": "a"}}
    assert [error.path for error in result.errors or ()] == [["b"]]


def test_replay_excludes_nested_fields_of_the_same_name(home: Home, taken_over: list[str]) -> None:
    document = "{ tasks { nodes { user { tasks(first: 0) { totalCount } } } } }"
    fast = home.ask(FAST, document)
    assert taken_over == ["tasks"]
    assert canonical(fast) == canonical(home.ask(REFERENCE, document))
    assert fast.errors


def test_fallback_executes_a_mutation_once(home: Home, taken_over: list[str]) -> None:
    document = """mutation {
        createTask(input: {title: "once"}) { task { user { tasks(first: 0) { totalCount } } } }
    }"""
    result = home.ask(FAST, document)
    assert taken_over == ["createTask"]
    assert [(error.extensions or {})["code"] for error in result.errors or ()] == ["BAD_USER_INPUT"]
    count = '{ tasks(filter: {title: {eq: "once"}}) { totalCount } }'
    assert data_of(home.ask(FAST, count)) == {"tasks": {"totalCount": 1}}


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { queryType { name } } }",
        "query (%s) { me { %s } }"
        % (
            " ".join(f"$v{n}: Boolean = true" for n in range(9)),
            " ".join(f"a{n}: id @include(if: $v{n})" for n in range(9)),
        ),
    ],
)
def test_operation_without_a_plan_is_executed(home: Home, document: str) -> None:
    fast = canonical(home.ask(FAST, document))
    assert fast == canonical(home.ask(REFERENCE, document))
    assert b'"data":null' not in fast


CONDITIONS = [
    f"@{one}(if: {first}) @{other}(if: {second})"
    for one, other in (("include", "skip"), ("skip", "include"))
    for first in ("true", "false", "$yes", "$none")
    for second in ("true", "false", "$yes", "$none")
]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_skip_is_evaluated_before_include(home: Home, conditions: str) -> None:
    """A null condition is an error only if it is evaluated."""
    document = (
        "query ($yes: Boolean = true, $none: Boolean = true)"
        f" {{ __typename me {{ id email {conditions} }} }}"
    )
    answers = [home.ask(schema, document, none=None) for schema in (FAST, REFERENCE)]
    assert canonical(answers[0]) == canonical(answers[1])
