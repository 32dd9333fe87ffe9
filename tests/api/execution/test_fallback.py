"""Where graphql-core takes over: what was answered stays, nothing is done twice, and both agree."""

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


def test_a_null_where_none_may_be_calls_nothing(home: Home) -> None:
    """A variable that has a default may be null, for all that validation knows."""
    document = 'query ($id: ID = "x") { task(id: $id) { title } }'
    fast = home.ask(FAST, document, id=None)
    assert home.columns == []
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, id=None))
    assert [error.path for error in fast.errors or ()] == [["task"]]


def test_a_variable_that_is_missing_lets_nothing_be_done(home: Home) -> None:
    document = """mutation ($new: CreateTaskInput!) {
        createTask(input: {title: "never"}) { revision }
        createTasks(input: [$new]) { revision }
    }"""
    assert canonical(home.ask(FAST, document)) == canonical(home.ask(REFERENCE, document))
    count = '{ tasks(filter: {title: {eq: "never"}}) { totalCount } }'
    assert data_of(home.ask(FAST, count)) == {"tasks": {"totalCount": 0}}


def test_inputs_that_are_nested_too_deeply_are_refused_alike(home: Home) -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_NESTING_DEPTH + 5):
        deep = {"not": deep}
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"
    fast = home.ask(FAST, document, filter=deep)
    assert canonical(fast) == canonical(home.ask(REFERENCE, document, filter=deep))
    assert [error.message for error in fast.errors or ()] == [
        "Variable values are nested too deeply."
    ]


def test_a_name_that_no_operation_has_is_not_remembered() -> None:
    document = parse("query A { me { id } }")
    planned = executor.OperationExecutor(FAST.graphql_schema, document)
    assert planned.execute("B", {}, Any) is None  # type: ignore[arg-type]
    assert planned._known == {}


def test_graphql_core_takes_over_where_something_is_wrong(
    home: Home, taken_over: list[str]
) -> None:
    """It does not ask again what was answered, and what was projected stays."""
    document = """query ($task: ID!) {
        a: task(id: $task) { title } b: task(id: "x") { title } c: task(id: $task) { title }
    }"""
    result = home.ask(FAST, document)
    assert taken_over == ["b"]
    assert len(home.columns) == 3
    assert data_of(result) == {"a": {"title": "a"}, "b": None, "c": {"title": "a"}}
    assert [error.path for error in result.errors or ()] == [["b"]]


def test_what_was_answered_is_no_answer_to_a_field_of_the_same_name_below(
    home: Home, taken_over: list[str]
) -> None:
    document = "{ tasks { nodes { user { tasks(first: 0) { totalCount } } } } }"
    fast = home.ask(FAST, document)
    assert taken_over == ["tasks"]
    assert canonical(fast) == canonical(home.ask(REFERENCE, document))
    assert fast.errors


def test_a_mutation_is_never_done_twice(home: Home, taken_over: list[str]) -> None:
    """Also when its answer is one that graphql-core has to make."""
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
def test_what_has_no_plan_is_answered_all_the_same(home: Home, document: str) -> None:
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
def test_skip_is_asked_before_include(home: Home, conditions: str) -> None:
    """Whatever their order: a condition that is null is an error only where it is asked for."""
    document = (
        "query ($yes: Boolean = true, $none: Boolean = true)"
        f" {{ __typename me {{ id email {conditions} }} }}"
    )
    answers = [home.ask(schema, document, none=None) for schema in (FAST, REFERENCE)]
    assert canonical(answers[0]) == canonical(answers[1])
