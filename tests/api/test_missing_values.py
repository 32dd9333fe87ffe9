"""Mutations with missing values, by both executors: they change nothing."""

import json
from typing import Any

import pytest

from tests.support.api_client import Person
from tests.support.differential import FAST, REFERENCE, Home, canonical
from todo_graphql.api.schema import Schema
from todo_graphql.store.postgres.engine import Database
from todo_graphql.store.problem_collector import MAX_PROBLEMS

WRITES = {
    "updateTasks": 'input: {title: "changed"}',
    "completeTasks": "",
    "reopenTasks": "",
    "deleteTasks": "",
    "restoreTasks": "",
}
LOST: list[tuple[str, str, dict[str, Any], str]] = [
    ("", "filter: {}", {}, "filter"),
    ("", "filter: {trashed: false}", {}, "filter"),
    ("($id: ID)", "filter: {id: {eq: $id}}", {}, "filter.id.eq"),
    ("($id: ID)", "filter: {id: {eq: $id}}", {"id": None}, "filter.id.eq"),
    ("($id: IDComparator)", "filter: {id: $id, completed: false}", {}, "filter.id"),
    ("($c: Boolean)", "filter: {or: [{completed: $c}]}", {}, "filter.or.0.completed"),
    ("($f: TaskFilter)", "filter: $f", {"f": {"id": {}}}, "filter.id"),
    ("($f: TaskFilter)", "filter: $f", {"f": {"not": {"id": None}}}, "filter.not.id"),
    ("($s: String)", "filter: {search: $s}", {"s": " \0"}, "filter.search"),
    ("($d: Boolean)", "filter: {completed: false}, dryRun: $d", {}, "dryRun"),
    ("($n: Int)", "filter: {completed: false}, atMost: $n", {}, "atMost"),
]


@pytest.fixture(scope="module")
def home(database: Database) -> Home:
    return Home(database)


def answer(home: Home, schema: Schema, document: str, **variables: Any) -> Any:
    return json.loads(canonical(home.ask(schema, document, **variables)))


STATE = "{ me { revision } tasks { nodes { title completed } } }"


@pytest.mark.parametrize(("declared", "arguments", "variables", "field"), LOST)
@pytest.mark.parametrize("schema", [FAST, REFERENCE], ids=["projection", "reference"])
def test_mutation_with_a_missing_value_changes_nothing(
    home: Home, schema: Schema, declared: str, arguments: str, variables: Any, field: str
) -> None:
    before = answer(home, schema, STATE)
    for name, more in WRITES.items():
        document = f"mutation {declared} {{ {name}({arguments} {more}) {{ count }} }}"
        result = answer(home, schema, document, **variables)
        assert result["data"] == {name: None}
        (error,) = result["errors"]
        assert error["path"] == [name]
        problem = {"field": field, "reason": "REQUIRED", "message": error["message"]}
        assert error["extensions"] == {
            "code": "BAD_USER_INPUT",
            "status": 400,
            "reason": "REQUIRED",
            "field": field,
            "problems": [problem],
        }
    assert answer(home, schema, STATE) == before


@pytest.mark.parametrize("schema", [FAST, REFERENCE], ids=["projection", "reference"])
def test_other_root_fields_are_executed(home: Home, schema: Schema) -> None:
    document = """mutation ($done: ID!, $id: ID, $skip: Boolean!) {
        a: completeTask(id: $done) { task { completed } }
        b: deleteTasks(filter: {id: {eq: $id}}) { count }
        c: deleteTasks(filter: {id: {eq: $id}}) @skip(if: $skip) { count }
        d: completeTasks(filter: {id: {eq: $done}}) { count }
    }"""
    result = answer(home, schema, document, skip=True)
    done = {"a": {"task": {"completed": True}}, "b": None, "d": {"count": 1}}
    assert result["data"] == done
    assert [error["path"] for error in result["errors"]] == [["b"]]


def test_update_with_a_missing_revision_changes_nothing(alice: Person) -> None:
    task = alice.create("a")
    document = """mutation ($id: ID!, $revision: Int) {
        updateTask(id: $id, input: {title: "b", expectedRevision: $revision}) { revision }
    }"""
    for variables in ({}, {"revision": None}):
        refusal = alice.refusal(document, id=task["id"], **variables)
        assert (refusal["code"], refusal["reason"]) == ("BAD_USER_INPUT", "REQUIRED")
        assert refusal["field"] == "input.expectedRevision"
    assert alice.find(task["id"]) == task


def test_every_task_can_be_selected_explicitly(alice: Person) -> None:
    alice.create_many("a", "b")
    document = "mutation { %s(filter: {createdAt: {null: false}}) { count } }"
    for name in ("deleteTasks", "restoreTasks"):
        assert alice.ask(document % name) == {name: {"count": 2}}


def test_all_missing_values_are_reported(alice: Person) -> None:
    document = """mutation ($id: ID, $dry: Boolean) {
        deleteTasks(filter: {id: {eq: $id}, tags: {all: []}, search: " "}, dryRun: $dry) { count }
    }"""
    problems = alice.refusal(document)["problems"]
    assert [problem["field"] for problem in problems] == [
        "filter.id.eq",
        "filter.tags.all",
        "filter.search",
        "dryRun",
    ]
    many: Any = {"and": [{}] * (MAX_PROBLEMS + 1)}
    document = "mutation ($f: TaskFilter) { deleteTasks(filter: $f) { count } }"
    assert len(alice.refusal(document, f=many)["problems"]) <= MAX_PROBLEMS


@pytest.mark.parametrize(
    ("search", "reason", "maximum"),
    [
        (" ".join(f"w{number}" for number in range(33)), "TOO_MANY", 32),
        ("x" * 10_001, "TOO_LONG", 10_000),
    ],
)
def test_search_of_a_mutation_is_used_as_a_whole(
    alice: Person, search: str, reason: str, maximum: int
) -> None:
    """A list ignores the rest of a long search. A write would match more tasks."""
    alice.create("w", description=" ".join(f"w{number}" for number in range(32)))
    document = "mutation ($s: String) { deleteTasks(filter: {search: $s}) { count } }"
    refusal = alice.refusal(document, s=search)
    assert (refusal["code"], refusal["reason"]) == ("BAD_USER_INPUT", reason)
    assert (refusal["field"], refusal["max"]) == ("filter.search", maximum)
    assert alice.ask(document, s=" ".join(["w1"] * 40))["deleteTasks"]["count"] == 1
